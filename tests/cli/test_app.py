"""The command line, run as a user runs it."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from helpers.fresh import RAG4RAG, run_program, start_program
from helpers.openai_server import OpenAIServer
from typer.testing import CliRunner

from distilabel_rag4rag import compare, load_rows
from distilabel_rag4rag.cli.app import app
from distilabel_rag4rag.schema import arrow_schema

pytestmark = pytest.mark.slow

ARMS = ["zero_shot", "gold_context", "rag4rag"]


def rag4rag(*arguments: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command, with all that is heavy imported already."""
    return run_program(RAG4RAG, *arguments, env=in_120_columns(environment))


def from_scratch(*arguments: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a user does, imports and all."""
    return subprocess.run(
        [RAG4RAG, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env=in_120_columns(environment),
    )


def in_120_columns(environment: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "COLUMNS": "120", **environment}


def called(*arguments: Any) -> tuple[int, str]:
    """Exit code and output, on one line, of a command that stops before any process starts."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, " ".join(done.output.split())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `rag4rag demo` on four questions wrote."""
    out = tmp_path_factory.mktemp("demo") / "out"
    done = from_scratch("demo", "--limit", 4, "--out", out)
    assert done.returncode == 0, done.stderr[-2000:]
    for name in (*ARMS, "human", "Written:", "rows.parquet"):
        assert name in done.stdout
    for arm in (*ARMS, "human"):  # no terminal: plain lines
        assert f"\n{arm}: 4 questions in " in done.stderr
    assert done.stderr.splitlines()[-2:] == ["comparing the arms", "writing the report"]
    return out


def test_all_arms_have_every_row_in_one_schema(demo: Path) -> None:
    table = pq.read_table(demo / "rows.parquet")
    assert table.schema.remove_metadata() == arrow_schema()
    ids = load_rows(limit=4)["id"]
    assert table["arm"].to_pylist() == [arm for arm in (*ARMS, "human") for _ in ids]
    assert table["id"].to_pylist() == [*ids] * 4


def test_the_summary_is_what_the_rows_say(demo: Path) -> None:
    rows = pd.read_parquet(demo / "rows.parquet")
    summary = json.loads((demo / "summary.json").read_text())
    assert summary == json.loads(json.dumps(compare(rows, threshold=0.5, seed=0).to_dict()))
    for arm, found in rows[rows["arm"] != "human"].groupby("arm"):
        counted = summary["arms"][arm]
        answered = found[found["answer"].notna()]
        assert counted["rows"] == len(found) == 4
        assert counted["answered"] == len(answered)
        assert counted["abstained"] == int(found["abstained"].sum())
        flagged = int((answered["hallucination_score"] >= 0.5).sum())
        assert counted["hallucinated"] == flagged
        if len(answered):
            assert counted["hallucination_rate"] == pytest.approx(flagged / len(answered))


def test_the_run_is_on_record(demo: Path) -> None:
    run = json.loads((demo / "run.json").read_text())
    assert run["settings"]["limit"] == 4
    assert run["settings"]["seed"] == 0
    assert run["versions"]["distilabel"].startswith("1.5")
    assert list(run["arms"]) == [*ARMS, "human"]
    for name in ARMS:
        arm = run["arms"][name]
        assert arm["seconds"] > 0
        assert arm["input_tokens"] > 0
        assert arm["output_tokens"] > 0
        assert arm["check"]["rows_in"] == arm["check"]["rows_out"] == 4
    assert sorted(path.name for path in (demo / "pipelines").iterdir()) == [
        "gold_context.yaml",
        "human.yaml",
        "rag4rag.yaml",
        "zero_shot.yaml",
    ]


def test_the_report_is_written_beside_the_data(demo: Path) -> None:
    assert "<html" in (demo / "report.html").read_text("utf-8")
    assert (demo / "report.md").read_text("utf-8").startswith("#")
    assert list((demo / "plots").glob("*.png"))


def test_a_report_on_rows_that_are_there(demo: Path, tmp_path: Path) -> None:
    rows = pd.read_parquet(demo / "rows.parquet")
    done = rag4rag("report", demo, "--out", tmp_path / "again", "--price-in", 2, "--price-out", 8)
    assert done.returncode == 0, done.stderr[-2000:]
    ours = json.loads((demo / "summary.json").read_text())
    assert json.loads((tmp_path / "again" / "summary.json").read_text()) == ours
    assert ours["verdict"]["headline"] in " ".join(done.stdout.split())
    assert "USD" in (tmp_path / "again" / "report.html").read_text("utf-8")
    for arm in ("zero_shot", "rag4rag"):  # data of others: an arm a file, other names of columns
        part = rows[rows["arm"] == arm].drop(columns=["arm", "hallucinated_spans"])
        part = part.rename(columns={"answer": "positive", "hallucination_score": "score"})
        part.to_parquet(tmp_path / f"{arm}.parquet")
    done = rag4rag(
        *("report", tmp_path / "zero_shot.parquet", tmp_path / "rag4rag.parquet"),
        *("--column", "answer=positive", "--column", "hallucination_score=score"),
        *("--out", tmp_path / "others"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = json.loads((tmp_path / "others" / "summary.json").read_text())
    assert "Retrieval (rag4rag): hit rate" in done.stdout
    for arm in ("zero_shot", "rag4rag"):
        for name in ("rows", "answered", "hallucination_rate", "f1"):
            assert theirs["arms"][arm][name] == ours["arms"][arm][name]


def test_a_report_of_arms_with_odd_names_on_a_plain_terminal(tmp_path: Path) -> None:
    for arm in ("x[/b]y", "gpt[v2]"):
        rows = [
            {
                "arm": arm,
                "id": f"q{n}",
                "answer": "a",
                "hallucination_score": n % 2,
                "passage_id": n,
            }
            for n in range(8)
        ]
        pd.DataFrame(rows).to_parquet(tmp_path / f"{len(arm)}{arm[0]}.parquet")
    done = from_scratch(
        *("report", *sorted(tmp_path.glob("*.parquet")), "--out", tmp_path / "out"),
        *("--baseline", "gpt[v2]", "--candidate", "x[/b]y"),
        PYTHONIOENCODING="ascii",
        COLUMNS="40",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for arm in ("x[/b]y", "gpt[v2]"):
        assert f"{arm} 8 8 0 0 50.0 " in re.sub(r"[| ]+", " ", done.stdout)


def test_a_report_names_a_source_that_is_not_there(tmp_path: Path) -> None:
    done = rag4rag("report", tmp_path / "nosuch")
    assert done.returncode == 2
    assert "nosuch does not exist" in " ".join(done.stderr.split())


def test_a_report_names_an_arm_that_is_not_there(demo: Path, tmp_path: Path) -> None:
    done = rag4rag("report", demo, "--baseline", "foo", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "baseline: found 'foo', expected one of" in done.stderr


def test_results_are_not_overwritten_without_force(demo: Path) -> None:
    before = (demo / "rows.parquet").read_bytes()
    done = rag4rag("demo", "--limit", 2, "--out", demo)
    assert done.returncode == 2
    assert "holds results already" in done.stderr
    assert "--force" in done.stderr
    assert (demo / "rows.parquet").read_bytes() == before


def test_any_llm_over_http_with_a_config_file_and_mapped_columns(
    own_cache: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(
        "".join(
            json.dumps({"anchor": f"Who is number {i}?", "text": f"Ena {i} is number {i}."}) + "\n"
            for i in range(3)
        )
    )
    config = tmp_path / "config.yaml"
    config.write_text(
        f"input: {data}\n"
        "llm: OpenAILLM:gpt-4o-mini\n"
        "llm_set: {generation_kwargs: {max_new_tokens: 9}}\n"
        "column: {question: anchor}\n"
        "arms: [gold_context, rag4rag]\nk: 2\nbatch_size: 2\n"
    )
    with OpenAIServer("Ena 1") as server:
        done = rag4rag(
            "compare",
            *("--config", config, "--k", 1, "--out", tmp_path / "out"),
            OPENAI_BASE_URL=server.base_url,
            OPENAI_API_KEY="sk-test-secret",
        )
        asked = server.history
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"{data.name}: 'context' is read from the column 'text'" in done.stderr
    assert "read from the column 'anchor'" not in done.stderr
    assert {request["model"] for request in asked} == {"gpt-4o-mini"}
    assert {
        request.get("max_completion_tokens", request.get("max_tokens")) for request in asked
    } == {9}
    rows = pd.read_parquet(tmp_path / "out" / "rows.parquet")
    assert rows["answer"].tolist() == ["Ena 1"] * 6
    assert [len(ids) for ids in rows[rows["arm"] == "rag4rag"]["retrieved_ids"]] == [1, 1, 1]
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"sk-test-secret" not in path.read_bytes()


def test_a_build_goes_on_to_a_trained_retriever(own_cache: Path, tmp_path: Path) -> None:
    things = ["bell", "kettle", "anchor", "plough", "lamp", "anvil", "cauldron", "gate", "hinge"]
    documents = tmp_path / "documents"
    documents.mkdir()
    replies = {}
    for number, thing in enumerate(things):
        text = f"The {thing} of the old harbour was forged by smith number {number}."
        (documents / f"{thing}.md").write_text(f"# About the {thing}\n\n{text}\n", "utf-8")
        replies[f"Who forged the {thing} of the old harbour?"] = f"smith number {number}"
    for thing in things:
        asked = [{"type": "factoid", "question": f"Who forged the {thing} of the old harbour?"}]
        replies[f"The {thing} of the old harbour was"] = json.dumps(asked)
    config = tmp_path / "config.json"
    scripted = {"llm": "distilabel_rag4rag.testing.ScriptedLLM", "llm_set": {"replies": replies}}
    config.write_text(json.dumps({"input": str(documents), **scripted}), "utf-8")
    out = tmp_path / "out"
    done = rag4rag(
        *("build", "--config", config, "--num-questions", 1, "--question-types", "factoid"),
        *("--train", "static", "--out", out),
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    trained = json.loads((out / "train" / "evaluation.json").read_text("utf-8"))
    assert trained["record"]["settings"]["source"] == str(out)
    [found] = trained["evaluations"]
    assert list(found["retrievers"]) == ["BM25", "static", "fine-tuned"]
    assert str(out / "train" / "model") in "".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "nowhere.json"], "nowhere.json"),
        (["compare", "--arms", "zero_shot,two_shot"], "--arms: found ['two_shot']"),
        (
            ["compare", "--arms", "rag4rag,zero_shot,rag4rag"],
            "expected one or more names, each once",
        ),
        (["compare", "--arms", ","], "--arms: found ['', '']"),
        (["compare", "--llm", "NoLLM:x"], "--llm: found 'NoLLM'"),
        (["compare", "--llm", "OpenAILM:x"], "CLASS:MODEL with 'OpenAILLM'"),
        (
            ["compare", "--llm", "OpenAILLM:x", "--llm-set", "api_key=sk"],
            "found 'api_key'",
        ),
        (["compare", "--llm", "OpenAILLM:x", "--llm-set", "temperature"], "expected KEY=VALUE"),
        (["compare", "--judge-set", "threshold=7"], "--judge-set"),
        (["compare", "--style", "long"], "--style: found 'long'"),
        (["compare", "--k", "0"], "--k"),
        (["compare", "--column", "question"], "expected OURS=THEIRS"),
        (["compare", "--seed", "-1"], "--seed"),
        (["compare", "--corpus", "nowhere.jsonl"], "nowhere.jsonl"),
        (
            ["compare", "--judge", "./nowhere"],
            "--judge: found './nowhere', expected a folder that exists",
        ),
        (["compare", "--llm-set", "a=1", "--llm-set", "a.b=2"], "--llm-set: 'a' is given twice"),
        (["compare", "--llm-set", "x=[1"], "--llm-set: 'x=[1' is not YAML"),
        (["compare", "--llm-set", "foo=1"], "--llm-set: found ['foo']"),
        (
            ["compare", "--llm-set", "generation_kwargs.foo=1"],
            "=...: found ['foo']",
        ),
        (
            ["compare", "--llm", "OpenAILLM:x", "--llm-set", "default_headers.Authorization=sk"],
            "found 'Authorization'",
        ),
        (["report", "nowhere.parquet"], "nowhere.parquet"),
        (["compare", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["demo", "--limit", "0"], "--limit"),
    ],
)
def test_wrong_usage_is_named_and_exits_with_2(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    code, output = called(*arguments, "--out", tmp_path / "out")
    assert (code, message in output) == (2, True), output
    assert "Traceback" not in output
    assert not (tmp_path / "out").exists()


def test_a_wrong_embedder_is_found_before_anything_is_asked(
    own_cache: Path, tmp_path: Path
) -> None:
    with OpenAIServer("x") as server:
        done = from_scratch(
            *("compare", "--limit", 2, "--out", tmp_path / "out", "--llm", "OpenAILLM:gpt-4o-mini"),
            *("--embeddings", f"SentenceTransformerEmbeddings:{tmp_path}/nowhere"),
            OPENAI_BASE_URL=server.base_url,
            OPENAI_API_KEY="sk-test",
        )
        assert server.history == []
    assert done.returncode == 2
    *phases, last = done.stderr.splitlines()
    assert phases == [
        "importing torch",
        "reaching gpt-4o-mini",
        f"loading the embedder {tmp_path}/nowhere",
    ]
    assert last.startswith(
        f"Error: --embeddings: found '{tmp_path}/nowhere', expected a model that can be loaded."
    )
    assert not (tmp_path / "out").exists()


def test_the_last_line_of_a_failure_is_its_message(own_cache: Path, tmp_path: Path) -> None:
    for arguments, last in (
        (("compare", "--arms", "zero_sht"), "Error: --arms: found ['zero_sht'], expected "),
        (("compare", "nowhere.json"), "Error: nowhere.json"),
        (("compare", "--llm", "OpenAILLM:x", "--limit", 1), "Error: --llm: found 'x', expected "),
        (("report", "nowhere.parquet"), "Error: "),
    ):
        done = rag4rag(*arguments, "--out", tmp_path / "out", OPENAI_API_KEY="")
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith(last), done.stderr
        assert done.stdout == ""


def test_an_unknown_key_of_a_config_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("llms: embedded\n")
    done = rag4rag("compare", "--config", tmp_path / "config.yaml", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "llms" in done.stderr


def test_a_missing_column_is_named_with_the_option_to_give(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("q,context\nWhat?,A cat.\n")
    done = rag4rag("compare", data, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "name it with --column question=..." in " ".join(done.stderr.split())


def test_a_failing_run_exits_with_1_and_its_cause(own_cache: Path, tmp_path: Path) -> None:
    with OpenAIServer("x", api_key="sk-right") as server:
        done = rag4rag(
            *("compare", "--arms", "gold_context", "--limit", 3, "--llm", "OpenAILLM:gpt-4o-mini"),
            *("--out", tmp_path / "out"),
            OPENAI_BASE_URL=server.base_url,
            OPENAI_API_KEY="sk-wrong",
        )
    assert done.returncode == 1
    assert "401" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_row_without_a_question_is_marked_in_every_arm(own_cache: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    rows = [{"question": q, "context": f"Ena {q}"} for q in ("Who is it?", "", "What is it?")]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = rag4rag(
        *("compare", data, "--llm", "distilabel_rag4rag.testing.ScriptedLLM"),
        *("--llm-set", 'default="## Positive\\n\\nEna"', "--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = pq.read_table(tmp_path / "out" / "rows.parquet").to_pylist()
    for arm in ARMS:
        reasons = [(r["answer_reason"], r["judge_reason"]) for r in found if r["arm"] == arm]
        assert reasons == [(None, None), ("empty question", "no answer"), (None, None)]


def test_ctrl_c_and_sigterm_end_with_130_and_143(own_cache: Path, tmp_path: Path) -> None:
    for signal_, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        history = tmp_path / f"{code}.jsonl"
        running = start_program(
            *(RAG4RAG, "compare", "--arms", "gold_context", "--out", tmp_path / "out"),
            *("--llm", "distilabel_rag4rag.testing.ScriptedLLM", "--llm-set", "default=x"),
            *("--llm-set", "delay=0.2", "--llm-set", f"history_path={history}"),
            out=tmp_path,
        )
        while not history.exists():
            assert running.poll() is None
            time.sleep(0.1)
        running.send_signal(signal_)
        assert running.wait(timeout=30) == code
        assert "run the same again" in " ".join(running.output("stderr").split())
        assert not (tmp_path / "out").exists()


def test_help_teaches() -> None:
    text = from_scratch("compare", "--help").stdout
    for option in ("--llm", "--embeddings", "--judge", "--k", "--limit", "--config", "--force"):
        assert option in text
