"""Pipelines that were saved by version 0.1.0, before its modules moved, load and run."""

import json
from pathlib import Path
from typing import Any

import pytest
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.base import _Step
from helpers.fresh import fresh
from helpers.openai_server import OpenAIServer
from helpers.review_server.server import WORKSPACE, Server

import distilabel_rag4rag
from distilabel_rag4rag import FailFastPipeline

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parent / "golden"
ROWS = json.loads((GOLDEN / "rows.json").read_text("utf-8"))
#: The columns that a saved pipeline must still write, and the answers it gives.
EXPECTED: dict[str, dict[str, list[Any]]] = {
    "answer-from-column": {"answer": ["Torgau", "Anna Roth"]},
    "complete-answer": {"answer": ["Torgau", "Anna Roth"], "abstained": [False, False]},
    "embedded-llm": {"model_name": ["SmolLM2-135M-Instruct"] * 2},
    "fail_fast-gold_context": {"answer": [None] * 4, "abstained": [True] * 4},
    "fail_fast-human": {"keep_row_after_grounding": [True] * 4},
    "fail_fast-rag4rag": {"source_rank": [1] * 4, "abstained": [True] * 4},
    "fail_fast-zero_shot": {"answer": ["In 1989."] * 4},
    "faiss-retrieve": {"retrieved_contexts": [[r["context"] for r in ROWS]] * 2},
    "faiss-retrieve-from-rows": {"retrieved_contexts": [[r["context"]] for r in ROWS]},
    "gold_context": {"answer": [None] * 4, "abstained": [True] * 4},
    "grounded-answer-generation": {"answer": ["Torgau", None], "abstained": [False, True]},
    "human": {"keep_row_after_grounding": [True] * 4},
    "judge-and-marks": {"answer": ["Torgau", "Anna Roth"], "grounding_reason": [None, None]},
    "load-rows": {"id": None},
    "rag4rag": {"source_rank": [1] * 4, "abstained": [True] * 4},
    "zero_shot": {"answer": ["In 1989."] * 4},
}


def run(
    path: str,
    cache: str,
    pipeline_class: type[Pipeline] = FailFastPipeline,
    **changes: dict[str, Any],
) -> list[dict[str, Any]]:
    """The rows of a saved pipeline; the data of `LoadDataFromDicts` stands in no dump."""
    pipeline = pipeline_class.from_yaml(path)
    pipeline._cache_dir = Path(cache)
    for name in pipeline.dag:
        step = pipeline.dag.get_step(name)["step"]
        if isinstance(step, LoadDataFromDicts):
            step.data = ROWS
        for field, value in changes.get(name, {}).items():
            setattr(step, field, value)
    return list(pipeline.run(use_cache=False)["default"]["train"])


def check(name: str, rows: list[dict[str, Any]]) -> None:
    for column, values in EXPECTED[name].items():
        found = [row[column] for row in rows]
        if values is None:
            assert len(found) == len(set(found)) == 3
        elif column == "retrieved_contexts" and len(values[0]) > 1:
            assert [sorted(texts) for texts in found] == [sorted(texts) for texts in values]
        else:
            assert found == values, column


@pytest.mark.parametrize("name", EXPECTED)
def test_a_saved_pipeline_loads_and_runs(name: str, tmp_path: Path) -> None:
    check(name, fresh(run, str(GOLDEN / f"{name}.yaml"), str(tmp_path)))


@pytest.mark.parametrize("name", ["zero_shot", "rag4rag"])
def test_a_saved_pipeline_runs_in_distilabels_own(name: str, tmp_path: Path) -> None:
    check(name, fresh(run, str(GOLDEN / f"{name}.yaml"), str(tmp_path), Pipeline))


def run_with_server(path: str, cache: str, base_url: str) -> list[dict[str, Any]]:
    pipeline = Pipeline.from_yaml(path)
    pipeline._cache_dir = Path(cache)
    pipeline.dag.get_step("load")["step"].data = ROWS
    pipeline.dag.get_step("answer")["step"].llm.llm.base_url = base_url
    return list(pipeline.run(use_cache=False)["default"]["train"])


def test_a_saved_cached_llm_asks_its_server(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with OpenAIServer("Torgau") as server:
        path = str(GOLDEN / "cached-async-llm.yaml")
        rows = fresh(run_with_server, path, str(tmp_path), server.base_url)
    assert [row["answer"] for row in rows] == ["Torgau", "Torgau"]


def run_with_argilla(path: str, cache: str, url: str) -> list[dict[str, Any]]:
    return run(path, cache, review={"api_url": url, "dataset_workspace": WORKSPACE})


def test_a_saved_review_sends_its_rows(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGILLA_API_KEY", server.key("olga"))
    path = str(GOLDEN / "argilla-review.yaml")
    rows = fresh(run_with_argilla, path, str(tmp_path), server.url)
    assert [row["answer"] for row in rows] == ["Torgau", "Anna Roth"]


def test_every_saved_pipeline_is_tried() -> None:
    names = {path.stem for path in GOLDEN.glob("*.yaml")}
    assert names == {*EXPECTED, "cached-async-llm", "argilla-review"}


def test_public_classes_name_the_package_as_their_module() -> None:
    public = [getattr(distilabel_rag4rag, name) for name in distilabel_rag4rag.__all__]
    classes = [item for item in public if isinstance(item, type)]
    assert {cls.__module__ for cls in classes} == {"distilabel_rag4rag"}
    assert any(issubclass(cls, _Step) for cls in classes)
