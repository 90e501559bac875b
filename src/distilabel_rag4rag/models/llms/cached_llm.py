"""Ask an LLM only for what it has not said yet: `cached(llm)` keeps every generation on disk.

The wrapped LLM takes the place of the LLM in any Task, in this package's pipelines and in
distilabel's. Each reply is stored as it arrives, so that a run that was interrupted, or repeated
with other settings further down, asks only for what is missing.
"""

import asyncio
import os
from collections.abc import Iterable
from typing import Any, ClassVar

from distilabel.errors import DistilabelUserError
from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.models.llms import LLM, AsyncLLM
from distilabel.models.mixins.cuda_device_placement import CudaDevicePlacementMixin
from distilabel.typing import FormattedInput, GenerateOutput
from pydantic import Field, PositiveInt, PrivateAttr, field_validator

from distilabel_rag4rag.errors import describe
from distilabel_rag4rag.models.llms.generation_key import hash_of, identity
from distilabel_rag4rag.models.llms.generation_store import GenerationStore
from distilabel_rag4rag.models.llms.wrapped_llm import WrappedLLM
from distilabel_rag4rag.utils.public import public


@public
class CachedLLM(WrappedLLM):
    """An LLM whose generations are kept on disk; made by `cached`.

    A reply is found again by all that shapes it: the LLM's class, version and settings (less
    keys, timeouts and the like; of a local model also the state of its files), the messages, the
    number of generations, the generation settings and `repetition`. Two rows with the same
    prompt share one reply. A reply of None, and one of several generations that holds None, is
    not kept. An exception of the LLM makes None of the one input it concerns, and is logged.

    The runtime parameters are those of the wrapped LLM, under the same names, and our own. An
    LLM with `use_offline_batch_generation` is refused: it keeps its own jobs.

    Attributes:
        llm: the LLM that is asked.
        folder: where the generations lie; None is `generations` in the folder that the
            environment's RAG4RAG_CACHE names, else in the user's cache folder.
        size_limit: bytes; beyond them the oldest generations go.
        enabled: False asks for everything and keeps nothing.
        repetition: another number asks anew, and keeps both replies.
        inputs_per_call: how many inputs an LLM that is not asynchronous gets at once, and how
            many replies a kill can lose; None is all of a batch.

    Runtime parameters:
        - `folder`: where the generations lie.
        - `size_limit`: bytes; beyond them the oldest generations go.
        - `enabled`: False asks for everything and keeps nothing.
        - `repetition`: another number asks anew.
        - `inputs_per_call`: how many inputs an LLM that is not asynchronous gets at once.

    Examples:
        The second question like the first is not asked:

        ```python
        from tempfile import mkdtemp

        from distilabel_rag4rag.models.llms.cached_llm import cached
        from distilabel_rag4rag.testing import ScriptedLLM

        llm = cached(ScriptedLLM(default="Yes."), folder=mkdtemp())
        llm.load()
        question = [{"role": "user", "content": "Is it kept?"}]
        assert llm.generate(inputs=[question])[0]["generations"] == ["Yes."]
        llm.llm.default = "No."
        assert llm.generate(inputs=[question])[0]["generations"] == ["Yes."]
        llm.unload()
        ```
    """

    folder: RuntimeParameter[str] | None = Field(
        default=None, description="Where the generations lie."
    )
    size_limit: RuntimeParameter[PositiveInt] = Field(
        default=2 * 10**9, description="Bytes; beyond them the oldest generations go."
    )
    enabled: RuntimeParameter[bool] = Field(
        default=True, description="False asks for everything and keeps nothing."
    )
    repetition: RuntimeParameter[int] = Field(
        default=0, description="Another number asks anew, and keeps both replies."
    )
    inputs_per_call: RuntimeParameter[PositiveInt] | None = Field(
        default=None,
        description="How many inputs an LLM that is not asynchronous gets at once.",
    )

    _own_parameters: ClassVar = ("folder", "size_limit", "enabled", "repetition", "inputs_per_call")
    _store: GenerationStore | None = PrivateAttr(None)
    _identity: Any = PrivateAttr(None)

    @field_validator("llm")
    @classmethod
    def _no_offline_batches(cls, llm: LLM) -> LLM:
        if llm.use_offline_batch_generation:
            raise DistilabelUserError(
                "cached(llm) found use_offline_batch_generation=True; such an LLM keeps its own "
                "jobs: use it without cached()"
            )
        return llm

    def load(self) -> None:
        """Load the LLM and open the cache."""
        self._identity = identity(self.llm)
        if isinstance(self.llm, CudaDevicePlacementMixin) and self.llm._llm_identifier is None:
            self.llm._llm_identifier = f"cached-{os.getpid()}"  # distilabel names direct ones only
        self.llm.load()
        super().load()
        if self.enabled:
            self._store = GenerationStore(self.folder, self.size_limit)

    def unload(self) -> None:
        """Unload the LLM and close the cache."""
        self.llm.unload()
        if self._store is not None:
            self._store.close()
            self._store = None

    def generate(  # type: ignore[override]
        self, inputs: list[FormattedInput], num_generations: int = 1, **kwargs: Any
    ) -> list[GenerateOutput]:
        """The kept replies and, for the other inputs, the LLM's."""
        keys = [self._key(input, num_generations, kwargs) for input in inputs]
        outputs = self._kept(keys)
        missing = [
            (key, input)
            for key, input in dict(zip(keys, inputs, strict=True)).items()
            if key not in outputs
        ]
        size = self.inputs_per_call or len(inputs) or 1
        for start in range(0, len(missing), size):
            part = missing[start : start + size]
            replies = self._ask([input for _, input in part], num_generations, kwargs)
            for (key, _), output in zip(part, replies, strict=True):
                outputs[key] = self._keep(key, output, num_generations)
        return [_copy(outputs[key]) for key in keys]

    def _ask(
        self, inputs: list[FormattedInput], num_generations: int, kwargs: dict[str, Any]
    ) -> list[GenerateOutput]:
        """One call; where it fails, one for each input, so that only the bad ones are None."""
        try:
            outputs = self.llm.generate(
                inputs=[_copy(input) for input in inputs],
                num_generations=num_generations,
                **kwargs,
            )
            if len(outputs) != len(inputs):
                raise ValueError(f"{len(outputs)} replies to {len(inputs)} inputs")
            return outputs
        except Exception as error:
            if len(inputs) == 1:
                return [self._nothing(error, num_generations)]
            return [self._ask([input], num_generations, kwargs)[0] for input in inputs]

    def _kept(self, keys: Iterable[str]) -> dict[str, GenerateOutput]:
        found = self._store.get(set(keys)) if self._store is not None else {}
        return {key: kept for key, kept in found.items() if _is_whole(kept)}

    def _keep(self, key: str, output: GenerateOutput, num_generations: int) -> GenerateOutput:
        """Fill up missing generations with None; store the output where none is missing."""
        short = num_generations - len(output["generations"])
        output["generations"] = [*output["generations"], *[None] * short]
        if self._store is not None and None not in output["generations"]:
            self._store.put(key, output)
        return output

    def _nothing(self, error: Exception, num_generations: int) -> GenerateOutput:
        self._logger.warning(f"LLM '{self.model_name}' failed: {describe(error)}")
        return {"generations": [None] * num_generations, "statistics": {}}  # type: ignore[typeddict-item]

    def _key(self, input: FormattedInput, num_generations: int, kwargs: dict[str, Any]) -> str:
        return hash_of([self._identity, input, num_generations, kwargs, self.repetition])


@public
class CachedAsyncLLM(CachedLLM, AsyncLLM):
    """`CachedLLM` for LLMs that are asked asynchronously: each reply is kept as it arrives."""

    llm: AsyncLLM
    _asked: dict[str, "asyncio.Task[GenerateOutput]"] = PrivateAttr(default_factory=dict)

    generate = AsyncLLM.generate  # type: ignore[assignment]

    async def _agenerate(
        self, inputs: list[FormattedInput], num_generations: int = 1, **kwargs: Any
    ) -> list[GenerateOutput]:
        """All at once, as distilabel; two inputs that are the same are asked once."""
        replies = [self.agenerate(input, num_generations, **kwargs) for input in inputs]
        return list(await asyncio.gather(*replies))

    async def agenerate(  # type: ignore[override]
        self, input: FormattedInput, num_generations: int = 1, **kwargs: Any
    ) -> GenerateOutput:
        """The kept reply, or the LLM's."""
        key = self._key(input, num_generations, kwargs)
        if kept := self._kept([key]):
            return kept[key]
        if key not in self._asked:
            asking = self._aask(key, input, num_generations, kwargs)
            self._asked[key] = asyncio.create_task(asking)
        try:
            return _copy(await self._asked[key])
        finally:
            self._asked.pop(key, None)

    async def _aask(
        self, key: str, input: FormattedInput, num_generations: int, kwargs: dict[str, Any]
    ) -> GenerateOutput:
        try:
            outputs = await self.llm._agenerate(
                inputs=[_copy(input)], num_generations=num_generations, **kwargs
            )
            return self._keep(key, outputs[0], num_generations)
        except Exception as error:
            return self._nothing(error, num_generations)


def cached(llm: LLM, **settings: Any) -> CachedLLM:
    """The LLM, with its generations kept on disk.

    Args:
        llm: any of distilabel's or your own.
        settings: `folder`, `size_limit`, `enabled`, `repetition`, `inputs_per_call` of
            `CachedLLM`.

    Returns:
        An LLM that can take the place of `llm`; `llm` itself where it is such a one already.
    """
    if isinstance(llm, CachedLLM):
        return llm
    return (CachedAsyncLLM if isinstance(llm, AsyncLLM) else CachedLLM)(llm=llm, **settings)


def _is_whole(kept: Any) -> bool:
    """Whether an entry has the form in which it was stored; any other is asked for again."""
    return isinstance(kept, dict) and isinstance(kept.get("generations"), list)


def _copy(value: Any) -> Any:
    """A copy that an LLM or a task may change: MixtureOfAgentsLLM writes into its inputs."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copy(item) for item in value)
    return value
