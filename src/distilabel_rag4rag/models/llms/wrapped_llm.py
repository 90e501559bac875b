"""An LLM around another one: to tasks and pipelines its settings are the other's, and its own."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from distilabel.models.llms import LLM

if TYPE_CHECKING:
    import inspect


class WrappedLLM(LLM):
    """What a wrapper of an LLM passes on, so that it can stand wherever the LLM can.

    Attributes:
        llm: the LLM that is asked.
    """

    llm: LLM

    #: The runtime parameters of the wrapper; all others are the wrapped LLM's.
    _own_parameters: ClassVar[tuple[str, ...]] = ()

    @property
    def model_name(self) -> str:
        """The wrapped LLM's."""
        return self.llm.model_name

    @property
    def structured_output(self) -> Any:
        """The wrapped LLM's, which tasks with a default structure set."""
        return getattr(self.llm, "structured_output", None)

    @structured_output.setter
    def structured_output(self, value: Any) -> None:
        self.llm.structured_output = value  # type: ignore[attr-defined]

    def get_generation_kwargs(self) -> dict[str, Any]:
        """The wrapped LLM's, and those given to the wrapper itself."""
        return {**self.llm.get_generation_kwargs(), **(self.generation_kwargs or {})}

    @property
    def generate_parameters(self) -> "list[inspect.Parameter]":
        """The parameters of the wrapped LLM's `generate`."""
        return self.llm.generate_parameters

    @cached_property
    def generate_parsed_docstring(self) -> Any:
        """That of the wrapped LLM's `generate`."""
        return self.llm.generate_parsed_docstring

    @property
    def runtime_parameters_names(self) -> Any:
        """The wrapped LLM's and our own."""
        return {**self.llm.runtime_parameters_names, **dict.fromkeys(self._own_parameters, True)}

    def get_runtime_parameters_info(self) -> list[dict[str, Any]]:
        """The wrapped LLM's and our own."""
        fields = type(self).model_fields
        own = [
            {"name": name, "optional": True, "description": fields[name].description}
            for name in self._own_parameters
        ]
        return [*self.llm.get_runtime_parameters_info(), *own]

    def set_runtime_parameters(self, runtime_parameters: dict[str, Any]) -> None:
        """Ours here, all others in the wrapped LLM."""
        for name in self._own_parameters:
            if name in runtime_parameters:
                setattr(self, name, runtime_parameters[name])
        rest = {k: v for k, v in runtime_parameters.items() if k not in self._own_parameters}
        self.llm.set_runtime_parameters(rest)
