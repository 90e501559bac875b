"""The command, and what happens when it is refused, interrupted, or its answers get lost."""

import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from distilabel.errors import DistilabelUserError
from helpers.fork_server import Program
from helpers.local_hub import RAG4RAG, LocalHub
from helpers.publish_runs import TERMS, marked_rows, push, table, write_run
from typer.testing import CliRunner

from distilabel_rag4rag.cli.app import app
from distilabel_rag4rag.hub import PublishError, dry_run

SAID = [part for name, value in TERMS.items() for part in (f"--{name}", value)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run") / "towns", marked_rows(3))


def said(arguments: Sequence[str | Path]) -> tuple[int, str]:
    """Exit status and error of a command that stops before it asks anybody."""
    done = CliRunner().invoke(app, ["publish", *map(str, arguments), *SAID])
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "x"], "--out is the folder of --dry-run, which is not set"),
        (["--dry-run", "--configs", ""], "configs: found [''], expected names of configs"),
        (["--dry-run", "--configs", "kept,"], "configs: found ['kept', '']"),
        (["--dry-run", "--revision", "deadbeef" * 5], "--revision: found 'deadbeef"),
        (["--dry-run", "--revision", "a b"], "--revision: found 'a b'"),
        (["--dry-run", "--accept", "a"], "accept: found ['a']"),
    ],
)
def test_settings_that_cannot_be_meant(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    code, output = said([run, "ann/x", *options])
    assert (code, message in output) == (2, True), output
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_the_folder_one_is_in(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, output = said([".", "ann/x", "--dry-run"])
    assert code == 0, output
    assert (run.parent / "towns-publish" / "README.md").is_file()


def test_a_refused_dry_run_leaves_nothing(run: Path, tmp_path: Path) -> None:
    rows = marked_rows(3)
    rows[-1]["answer"] = "sk-proj-" + "abcDEF123456" * 2
    folder = write_run(tmp_path / "run", marked_rows(3))
    pq.write_table(table(rows), folder / "rows.parquet")
    empty = tmp_path / "empty"
    empty.mkdir()
    for out in (tmp_path / "new", empty):
        with pytest.raises(PublishError, match="column answer"):
            dry_run(folder, "ann/x", out, **TERMS)
    assert list(empty.iterdir()) == []
    assert not (tmp_path / "new").exists()


def test_names_are_refused_in_one_sentence(run: Path, tmp_path: Path) -> None:
    for name in ("ann/..", "ann/x y", "ann/x.git"):
        with pytest.raises(DistilabelUserError, match=r"repo_id: found .*[^.]\.$"):
            dry_run(run, name, tmp_path / "out", **TERMS)


def test_an_interrupted_commit_may_have_landed(
    local_hub: LocalHub, run: Path, tmp_path: Path
) -> None:
    started: list[Program] = []

    def interrupt() -> None:
        started[0].send_signal(signal.SIGINT)
        time.sleep(1)

    local_hub.fail("commit", interrupt, repo="ann/stopped", times=1)
    command = (RAG4RAG, "publish", run, "ann/stopped", *SAID)
    started.append(local_hub.programs.start(*command, out=tmp_path))
    code = started[0].wait(120)
    errors = started[0].output("stderr")
    local_hub.rules.clear()
    assert code == 1
    output = " ".join(errors.split())
    assert "Interrupted while committing: all of it is in 'ann/stopped', or nothing." in output
    assert "Traceback" not in errors
    _, changed, _ = local_hub.call(push, run, "ann/stopped")
    assert not changed  # it had landed


def test_a_repository_whose_answer_got_lost_was_made(local_hub: LocalHub) -> None:
    local_hub.fail("create", "lost", repo="ann/made", times=1)
    _, changed, _ = local_hub.call(push, Dataset.from_list([{"question": "Who?"}]), "ann/made")
    local_hub.rules.clear()
    assert changed
    assert local_hub.repos["ann/made"].messages == ["initial commit", "Publish with rag4rag"]


def test_a_comparison_without_its_arms_says_so(
    local_hub: LocalHub, run: Path, tmp_path: Path
) -> None:
    _, _, notes = local_hub.call(push, run, "ann/armless", configs=["pairs", "passage_pairs"])
    assert notes == [
        "Not published: the rows of zero_shot, gold_context, rag4rag. Without an arm, rag4rag"
        " report has nothing to draw from here."
    ]
    done = local_hub.rag4rag("report", "ann/armless", "--out", tmp_path / "report")
    assert done.returncode != 0
    assert "the arms of this comparison were not published, only" in " ".join(done.stderr.split())


def test_files_that_no_config_names_are_told(local_hub: LocalHub, run: Path) -> None:
    from helpers.local_hub_store import File, Repo

    repo = local_hub.repos["ann/loose"] = Repo(False)
    repo.commit("main", {"train.csv": File(b"a\n1\n", False)}, "by hand")
    _, _, notes = local_hub.call(push, run, "ann/loose")
    assert notes == ["No config names the file train.csv that is there already."]
