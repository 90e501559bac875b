"""ArgillaReview at the end of real pipelines."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from distilabel.errors import DistilabelUserError
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from helpers.comparison_rows import make_rows
from helpers.fresh import fresh
from helpers.review_server.server import WORKSPACE, Server

from distilabel_rag4rag.review.argilla_review import ArgillaReview
from distilabel_rag4rag.review.connect import connect
from distilabel_rag4rag.review.pull import pull
from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline


@pytest.fixture
def environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGILLA_API_URL", server.url)
    monkeypatch.setenv("ARGILLA_API_KEY", server.key("olga"))


def run(path: str, pipeline_class: type[Pipeline], cache: str) -> list[dict[str, Any]]:
    pipeline = pipeline_class.from_yaml(path)
    pipeline._cache_dir = Path(cache)
    pipeline.dag.get_step("load")["step"].data = make_rows(6)  # no dump holds these
    return list(pipeline.run(use_cache=False)["default"]["train"])


def test_a_pipeline_ends_with_a_review(server: Server, environment: None, tmp_path: Path) -> None:
    with Pipeline(name="reviewed") as pipeline:
        review = ArgillaReview(
            dataset_name="step",
            dataset_workspace=WORKSPACE,
            n=20,
            design="uncertainty",
            annotators=2,
        )
        LoadDataFromDicts(name="load", data=make_rows(6), batch_size=20) >> review
    path = tmp_path / "pipeline.yaml"
    pipeline.save(path, format="yaml")
    assert server.key("olga") not in path.read_text("utf-8")
    assert "api_key" not in yaml.safe_load(path.read_text("utf-8"))["pipeline"]["steps"][1]["step"]
    for pipeline_class in (Pipeline, FailFastPipeline):  # the second time nothing is doubled
        rows = fresh(run, str(path), pipeline_class, str(tmp_path / "cache"))
        assert [row["id"] for row in rows] == [row["id"] for row in make_rows(6)]
        assert len(server.records("step")) == 20
    for record in server.records("step")[:3]:
        server.answer("bob", record["id"], {"verdict": "supported", "spans": []})
    client = connect(server.url, server.key("olga"))
    found = pull(rows, client=client, dataset="step", workspace=WORKSPACE)
    assert found.gold["gold_by"].tolist() == [["bob"]] * 3


def test_faults_are_errors_of_load(server: Server, environment: None) -> None:
    step = ArgillaReview(dataset_name="x", dataset_workspace="nowhere")
    with pytest.raises(DistilabelUserError, match=r"expected one of \['archive', 'reviews'\]"):
        step.load()
    with pytest.raises(DistilabelUserError, match="dataset_name: found None"):
        ArgillaReview(dataset_workspace=WORKSPACE).load()
    with pytest.raises(DistilabelUserError, match="does not know this key"):
        ArgillaReview(dataset_name="x", api_key="no-such-api-key").load()


def test_rows_are_not_lost_where_the_push_fails(
    server: Server, environment: None, caplog: pytest.LogCaptureFixture
) -> None:
    where = {"dataset_name": "kept", "dataset_workspace": WORKSPACE}
    first = ArgillaReview(**where, n=5)
    first.load()
    next(first.process(make_rows(3)))
    other = ArgillaReview(**where, design="all")
    other.load()
    with caplog.at_level("ERROR"):
        assert next(other.process(make_rows(3))) == make_rows(3)
    assert "not sent for review: design: found 'all'" in caplog.text
    assert len(server.records("kept")) == 5
    with pytest.raises(DistilabelUserError, match="annotators is 1, expected 3"):
        ArgillaReview(**where, annotators=3).load()


def test_it_loads_again_after_it_was_unloaded(server: Server, environment: None) -> None:
    step = ArgillaReview(dataset_name="again", dataset_workspace=WORKSPACE, n=5)
    for _ in range(2):
        step.load()
        assert next(step.process(make_rows(3))) == make_rows(3)
        step.unload()
    assert len(server.records("again")) == 5
    assert os.environ["ARGILLA_API_KEY"] not in str(step.dump())
