"""Pushing and pulling: what can go wrong, what is made valid, who is drawn."""

import http.server
import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distilabel.errors import DistilabelUserError
from helpers.comparison_rows import make_rows
from helpers.review_server.server import WORKSPACE, Server
from typer.testing import CliRunner

from distilabel_rag4rag.cli.app import app
from distilabel_rag4rag.review.connect import connect, find_workspace, get_dataset
from distilabel_rag4rag.review.page_text import page_text
from distilabel_rag4rag.review.pull import pull
from distilabel_rag4rag.review.push import _send, push
from distilabel_rag4rag.review.records import rows_to_review, to_record, valid_spans


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rows")
    pd.DataFrame(make_rows(8)).to_parquet(out / "rows.parquet")
    return out


@pytest.fixture(scope="module")
def no_server() -> str:
    """An address at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def stranger() -> Iterator[str]:
    """A server that answers, but is no Argilla."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>a page</html>")

    def log_message(self, *_: object) -> None:
        pass


def fails(folder: Path, url: str | None, key: str | None, *arguments: str) -> str:
    """The one sentence with which a push ends, which took seconds."""
    started = time.monotonic()
    done = CliRunner().invoke(
        app,
        ["review", "push", str(folder), *arguments],
        env={"ARGILLA_API_URL": url, "ARGILLA_API_KEY": key},
    )
    assert done.exit_code == 2, done.output
    assert time.monotonic() - started < 12
    assert len(done.output.strip().splitlines()) == 1
    assert key is None or key not in done.output
    return done.output


def test_a_fault_is_one_sentence_and_nothing_is_half_done(
    server: Server, folder: Path, no_server: str, silent: str, stranger: str
) -> None:
    key = server.key("olga")
    before = server.as_user("olga").get("/me/datasets").json()["items"]
    assert "ARGILLA_API_URL: not set" in fails(folder, None, key)
    assert "ARGILLA_API_KEY: not set" in fails(folder, server.url, None)
    assert f"no Argilla server answers at '{no_server}'" in fails(folder, no_server, key)
    assert f"'{silent}' did not answer in time" in fails(folder, silent, key)
    assert f"'{stranger}' is not an Argilla server" in fails(folder, stranger, key)
    assert "'localhost:6900' cannot be used" in fails(folder, "localhost:6900", key)
    assert "does not know this key" in fails(folder, server.url, "no-such-api-key")
    assert "key of 'ann', an annotator" in fails(folder, server.url, server.key("ann"))
    said = fails(folder, server.url, key, "--workspace", "nowhere")
    assert "workspace: found 'nowhere', expected one of ['archive', 'reviews']" in said
    said = fails(folder, server.url, server.key("adam"), "--workspace", "archive")
    assert "expected one of ['reviews'], those of 'adam'" in said
    said = fails(folder, server.url, key, "--workspace", WORKSPACE, "--design", "best")
    assert "design: found 'best'" in said
    assert server.as_user("olga").get("/me/datasets").json()["items"] == before
    done = CliRunner().invoke(
        app,
        ["review", "pull", str(folder), "--workspace", WORKSPACE, "--dataset", "nothing"],
        env={"ARGILLA_API_URL": server.url, "ARGILLA_API_KEY": key},
    )
    assert done.exit_code == 2
    assert "dataset: found 'nothing', expected one of [" in done.output
    assert not (folder / "review").exists()


def test_a_dataset_of_other_shape_is_left_alone(server: Server, client: Any) -> None:
    rows = make_rows(8)
    push(rows, client=client, dataset="shape", workspace=WORKSPACE, n=10)
    before = server.records("shape")
    with pytest.raises(DistilabelUserError, match="annotators is 1, expected 2"):
        push(rows, client=client, dataset="shape", workspace=WORKSPACE, n=10, annotators=2)
    with pytest.raises(DistilabelUserError, match="field 'answered_by' is missing, expected text"):
        push(rows, client=client, dataset="shape", workspace=WORKSPACE, n=10, show_arm=True)
    with pytest.raises(DistilabelUserError, match="design: found 'all', expected 'stratified'"):
        push(rows, client=client, dataset="shape", workspace=WORKSPACE, design="all")
    with pytest.raises(DistilabelUserError, match="none of its 10 records is about one"):
        push(make_rows(8, seed=9), client=client, dataset="shape", workspace=WORKSPACE, n=10)
    assert server.records("shape") == before


def test_an_uncaught_error_does_not_show_the_key(server: Server) -> None:
    # distilabel alone prints the variables of every frame
    script = (
        "import os\n"
        "from distilabel_rag4rag.review.connect import connect\n"
        f"connect({server.url!r}, os.environ['SECRET'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"SECRET": "very-secret-key", "HF_HUB_OFFLINE": "1", "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "does not know this key" in done.stderr
    assert "locals" not in done.stderr  # the package import takes that away
    assert "very-secret-key" not in done.stderr


def a_row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "arm": "rag4rag",
        "id": f"r{number}",
        "passage_id": "p",
        "question": "Who founded Orvelle?",
        "context": "Orvelle was founded by Ines Karoly.",
        "answer": "It was Ines Karoly & sons.",
        "hallucinated_spans": [{"start": 19, "end": 25, "text": "& sons", "confidence": 0.7}],
        "hallucination_score": 0.7,
        "retrieval_scores": [0.9, 0.1],
        "source_rank": 1,
        **changes,
    }


def span(start: Any, end: Any, confidence: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "text": "", "confidence": confidence}


BAD = [
    {"hallucination_score": math.nan},
    {"hallucination_score": np.float32(0.25)},
    {"hallucination_score": 1},
    {"hallucination_score": 1.7},
    {"hallucination_score": None},
    {"hallucinated_spans": [span(0, 5, 0.5), span(3, 8, 0.9)]},
    {"hallucinated_spans": [span(4, 4, 0.5)]},
    {"hallucinated_spans": [span(20, 99, 1.5), span(0, 2, math.nan)]},
    {"hallucinated_spans": np.array([span(np.int64(1), np.int32(3), np.float32(0.5))])},
    {"hallucinated_spans": None},
    {"hallucinated_spans": "no list"},
    {"source_rank": 2.0},
    {"source_rank": math.nan},
    {"retrieval_scores": np.array([1])},
    {"retrieval_scores": []},
    {"passage_id": 7, "id": 7},
    {"answer": "a\ud800b\x00c\x0cd"},
    {"human_answer": math.nan},
]


def test_bad_values_are_made_valid_and_take_no_batch_with_them(server: Server, client: Any) -> None:
    rows = [a_row(number, **{"id": f"r{number}", **bad}) for number, bad in enumerate(BAD)]
    empty = [a_row(90, answer=None), a_row(91, answer=math.nan), a_row(92, question=" ")]
    done = push(
        [*rows, *empty, a_row(93, abstained=True), rows[0]],
        client=client,
        dataset="bad",
        workspace=WORKSPACE,
        design="all",
        show_human_answer=True,
    )
    assert (done.created, done.refused) == (len(BAD), {})
    assert done.left_out == {
        "no answer": 2,
        "no question or no passage": 1,
        "abstained": 1,
        "the same row again": 1,
    }
    by_row = {r["metadata"]["row_id"]: r for r in server.records("bad")}
    assert by_row["r3"]["metadata"]["score"] == 1.0
    assert "score" not in by_row["r0"]["metadata"]
    assert by_row["r11"]["metadata"]["source_rank"] == 2
    suggested = {key: record["suggestions"][0] for key, record in by_row.items()}
    assert [(s["start"], s["end"]) for s in suggested["r5"]["value"]] == [(0, 8)]
    assert suggested["r5"]["score"] == [0.9]
    assert suggested["r6"]["value"] == []
    assert [(s["start"], s["end"]) for s in suggested["r7"]["value"]] == [(0, 2), (20, 26)]
    assert suggested["r7"]["score"] is None
    assert by_row["r16"]["fields"]["answer"] == "a\ufffdb c d"


def test_what_the_server_refuses_is_told_of_and_the_rest_goes_in(
    server: Server, client: Any
) -> None:
    rows = [a_row(number) for number in range(7)]
    push(rows[:1], client=client, dataset="refused", workspace=WORKSPACE, design="all")
    dataset = get_dataset(client, find_workspace(client, WORKSPACE), "refused")
    table, _ = rows_to_review(rows)
    drawn = table.assign(stratum="all/all", weight=1.0).to_dict("records")
    batch = [to_record(row) for row in drawn]
    batch[3].metadata["source_rank"] = "first"
    refused = _send(client, dataset, batch)
    assert list(refused) == [batch[3].id]
    assert "source_rank" in refused[batch[3].id]
    there = {record["metadata"]["row_id"] for record in server.records("refused")}
    assert there == {"r0", "r1", "r2", "r4", "r5", "r6"}


def test_a_push_that_broke_off_is_completed_and_a_larger_n_adds(
    server: Server, client: Any
) -> None:
    rows, where = make_rows(12), {"dataset": "resumed", "workspace": WORKSPACE}
    push(rows, client=client, n=30, **where)
    ids = [record["id"] for record in server.records("resumed")]
    server.as_user("olga").delete(
        f"/datasets/{_id(server, 'resumed')}/records", params={"ids": ",".join(ids[:12])}
    ).raise_for_status()
    assert len(server.records("resumed")) == 18
    done = push(rows, client=client, n=30, **where)
    assert (done.created, done.updated) == (12, 18)
    done = push(rows, client=client, n=50, **where)
    assert (done.created, done.updated) == (20, 30)
    weights = [record["metadata"]["weight"] for record in server.records("resumed")]
    judged = sum(row["hallucination_score"] is not None for row in rows)
    assert sum(weights) == pytest.approx(judged)


def test_a_new_answer_is_a_new_record_for_an_admin_too(server: Server) -> None:
    client = connect(server.url, server.key("adam"))
    rows, where = [a_row(0), a_row(1)], {"dataset": "changed", "workspace": WORKSPACE}
    push(rows, client=client, design="all", **where)
    for record in server.records("changed"):
        server.answer("ann", record["id"], {"verdict": "supported", "spans": []})
    rows[0]["answer"] = "Someone else."
    found = pull(rows, client=client, **where)
    assert found.gold[["id", "gold_by"]].values.tolist() == [["r1", ["ann"]]]
    assert found.gone == 1
    done = push(rows, client=client, design="all", **where)
    assert (done.created, done.updated, done.gone) == (0, 1, 1)


def test_a_pull_of_what_nobody_answered(server: Server, client: Any, folder: Path) -> None:
    arguments = [str(folder), "--workspace", WORKSPACE, "--dataset", "unanswered"]
    env = {"ARGILLA_API_URL": server.url, "ARGILLA_API_KEY": server.key("olga")}
    for command in ("push", "pull", "status"):
        done = CliRunner().invoke(app, ["review", command, *arguments], env=env)
        assert done.exit_code == 0, done.output
    assert len(pd.read_parquet(folder / "review" / "gold.parquet")) == 0
    assert (folder / "review" / "training.json").read_text() == "[]\n"


def test_reviewers_are_blind_unless_told(server: Server, client: Any) -> None:
    rows = make_rows(4)
    push(rows, client=client, dataset="blind", workspace=WORKSPACE, n=5)
    push(rows, client=client, dataset="open", workspace=WORKSPACE, n=5, show_arm=True)
    for name, sees in (("blind", False), ("open", True)):
        found = server.as_user("ann").post(
            f"/me/datasets/{_id(server, name)}/records/search", json={}
        )
        for item in found.json()["items"]:
            record = item["record"]
            assert ("arm" in record["metadata"]) == ("answered_by" in record["fields"]) == sees
            assert {"weight", "stratum"} & record["metadata"].keys() == set()
            assert {"score", "uncertainty", "row_id"} <= record["metadata"].keys()


def test_admins_filter_and_sort_by_the_metadata(server: Server, client: Any) -> None:
    rows = make_rows(12)
    push(rows, client=client, dataset="sorted", workspace=WORKSPACE, n=40)
    scope = {"entity": "metadata", "metadata_property": "arm"}
    by = {"entity": "metadata", "metadata_property": "uncertainty"}
    found = server.as_user("adam").post(
        f"/datasets/{_id(server, 'sorted')}/records/search",
        json={
            "filters": {"and": [{"type": "terms", "scope": scope, "values": ["rag4rag"]}]},
            "sort": [{"scope": by, "order": "desc"}],
        },
        params={"limit": 100},
    )
    metadata = [item["record"]["metadata"] for item in found.json()["items"]]
    assert {m["arm"] for m in metadata} == {"rag4rag"}
    assert len(metadata) > 5
    doubt = [m["uncertainty"] for m in metadata]
    assert doubt == sorted(doubt, reverse=True)
    assert doubt[0] == pytest.approx(1 - abs(metadata[0]["score"] - 0.5) / 0.5)


def test_the_shown_text_is_as_long_as_the_original() -> None:
    text = "🎉 a<b>&amp;\r\nc\x07\ud83d é\t漢"
    shown = page_text(text)
    assert shown == "□ a‹b>＆amp; \nc \ufffd é\t漢"
    assert len(shown) == len(text)
    assert page_text("🎉 a<b> \ud83d R&D & co", spans=False) == "🎉 a‹b> \ufffd R＆D & co"


def test_spans_are_made_valid() -> None:
    spans = [span(5, 9, 0.2), span(-3, 2, None), span(8, 12, 0.4), span(7, 7, 1.0), {"start": 1}]
    assert valid_spans(spans, 10) == [
        {"start": 0, "end": 2, "confidence": None},
        {"start": 5, "end": 10, "confidence": 0.4},
    ]


def _id(server: Server, name: str) -> str:
    items = server.as_user("olga").get("/me/datasets").json()["items"]
    return next(item["id"] for item in items if item["name"] == name)
