"""What every public component owes: a docstring that agrees with its fields, examples that run."""

import inspect
import re
from typing import Any

import pytest
from distilabel.models.embeddings.base import Embeddings
from distilabel.models.llms import LLM
from distilabel.steps.base import _Step
from distilabel.utils.docstring import parse_google_docstring

import distilabel_rag4rag
from distilabel_rag4rag import EmbeddedEmbeddings, testing
from distilabel_rag4rag.models.llms.embedded_llm import EmbeddedLLM
from distilabel_rag4rag.schema import BY_NAME

PUBLIC = [getattr(distilabel_rag4rag, name) for name in distilabel_rag4rag.__all__]
STEPS = [c for c in PUBLIC if inspect.isclass(c) and issubclass(c, _Step)]
MODELS = [EmbeddedEmbeddings, EmbeddedLLM, testing.ScriptedLLM]
CATEGORIES = {"embedding", "text-generation", "scorer", "filtering", "format", "save", "load"}


def own_fields(component: type[Any]) -> set[str]:
    """The fields that distilabel's base classes do not have."""
    bases = [
        base
        for base in component.__mro__
        if base.__module__.startswith("distilabel.") and hasattr(base, "model_fields")
    ]
    inherited = set().union(*(base.model_fields for base in bases))
    return set(component.model_fields) - inherited


def test_everything_public_is_there() -> None:
    assert len(STEPS) >= 12
    assert set(distilabel_rag4rag.__all__) <= set(dir(distilabel_rag4rag))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_docstrings_hold_to_the_fields(step: type[Any]) -> None:
    doc = parse_google_docstring(step)
    assert doc["short_description"]
    assert own_fields(step) <= set(doc["attributes"]) | set(doc["runtime_parameters"])
    runtime = {
        name
        for name in own_fields(step)
        if "RuntimeParameter" in str(inspect.get_annotations(step).get(name, ""))
    }
    assert runtime <= set(doc["runtime_parameters"])
    assert doc["categories"]
    assert set(doc["categories"]) <= CATEGORIES
    columns = {**doc["input_columns"], **doc["output_columns"]}
    for name in columns:
        assert name in BY_NAME or re.search(
            "contexts|<check>|metadata|anchor|positive|negative|^keep_row_after_|_reason$", name
        ), name


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_docstrings_name_what_goes_in_and_comes_out(step: type[Any]) -> None:
    if inspect.isabstract(step):
        return
    doc = parse_google_docstring(step)
    made = step(**({"corpus": []} if step.__name__ == "FaissRetrieve" else {}), **_models(step))
    assert set(made.inputs) <= set(doc["input_columns"])
    assert set(made.outputs) <= set(doc["output_columns"])


def _models(step: type[Any]) -> dict[str, Any]:
    kinds: dict[str, tuple[type, Any]] = {
        "llm": (LLM, testing.ScriptedLLM()),
        "embeddings": (Embeddings, EmbeddedEmbeddings()),
    }
    return {name: model for name, (_, model) in kinds.items() if name in step.model_fields}


EXAMPLES = [
    pytest.param(
        component,
        source,
        id=f"{component.__name__}-{number}",
        marks=[pytest.mark.slow] if component is EmbeddedLLM else [],
    )
    for component in dict.fromkeys([*STEPS, *MODELS])
    for number, source in enumerate(
        re.findall(r"```python\n(.*?)```", inspect.getdoc(component) or "", re.DOTALL), start=1
    )
]


@pytest.mark.parametrize(("component", "source"), EXAMPLES)
def test_examples_of_docstrings_run(
    component: type[Any], source: str, request: pytest.FixtureRequest
) -> None:
    if component is not EmbeddedLLM:  # its weights are converted once for all tests
        request.getfixturevalue("own_cache")
    exec(compile(inspect.cleandoc(source), f"<{component.__name__}>", "exec"), {})


def test_every_step_has_an_example() -> None:
    with_example = {parameter.values[0] for parameter in EXAMPLES}
    assert {s for s in STEPS if not inspect.isabstract(s)} <= with_example
