"""What users copy runs: the README's pipeline and the scripts in examples/."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_from_disk
from distilabel.distiset import Distiset
from helpers.export_data import passages, rows
from helpers.fresh import run_program
from helpers.local_hub import LocalHub
from helpers.openai_server import OpenAIServer
from helpers.review_server.server import WORKSPACE, Server
from helpers.tiny_embedders import save_embedder
from sentence_transformers import SentenceTransformer

from distilabel_rag4rag import export_training_data

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


def run(
    *command: object, cwd: Path, program: Callable[..., Any] = run_program, **environment: str
) -> str:
    """What a script prints; it must end well."""
    done = program(*command, cwd=cwd, env={**os.environ, **environment}, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_pipeline_of_the_readme(own_cache: Path, tmp_path: Path) -> None:
    [source] = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL
    )
    (tmp_path / "mine.py").write_text(source)
    asked = [{"anchor": f"Who is number {i}?", "text": f"Ena {i} is number {i}."} for i in range(3)]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    with OpenAIServer("Ena 1") as server:
        run("mine.py", cwd=tmp_path, OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY="sk-test")
    made = Distiset.load_from_disk(str(tmp_path / "my-data"))["default"]["train"].to_list()
    assert [row["question"] for row in made] == [row["anchor"] for row in asked]
    assert [row["answer"] for row in made] == ["Ena 1"] * 3
    assert [sorted(row["retrieved_contexts"]) for row in made] == [[r["text"] for r in asked]] * 3


def test_the_offline_example(tmp_path: Path) -> None:
    script = ROOT / "examples" / "offline_pipeline.py"
    printed = run(script, "--limit", 4, "--out", tmp_path / "rows", cwd=tmp_path)
    kept = load_from_disk(str(tmp_path / "rows")).to_list()
    assert kept
    assert all(row["keep_row_after_grounding"] for row in kept)
    assert all(f"{row['question']} -> {row['answer']}" in printed for row in kept)


def test_the_export_is_trained_on_with_sentence_transformers_alone(tmp_path: Path) -> None:
    corpus = passages()
    export_training_data(rows(corpus), corpus, tmp_path / "export", formats=["pairs"])
    base = save_embedder(tmp_path / "tiny", max_seq_length=64)
    script = ROOT / "examples" / "train_retriever.py"
    run(script, tmp_path / "export", base, tmp_path / "model", cwd=tmp_path)
    before, after = (SentenceTransformer(str(path)) for path in (base, tmp_path / "model"))
    question = ["what is it about?"]
    assert not (before.encode(question) == after.encode(question)).all()


def write_towns(folder: Path) -> None:
    """Two documents, a question about each."""
    (folder / "docs").mkdir()
    asked = []
    for town, thing in (("Torgau", "kettle"), ("Pirna", "bell")):
        text = f"The great {thing} was cast in {town} in 1712, and it has stood there ever since."
        (folder / "docs" / f"{thing}.txt").write_text(text)
        asked.append({"question": f"In which town was the {thing} cast?"})
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))


def answer_about_towns(messages: list[dict[str, Any]]) -> str:
    """A question where one is asked for, else the town."""
    prompt = " ".join(str(message["content"]) for message in messages)
    thing = "kettle" if "kettle" in prompt.split("cast?")[0].rsplit(". ")[-1] else "bell"
    if "NOT IN PASSAGES" not in prompt:
        return f"In which town was the great {'kettle' if 'kettle' in prompt else 'bell'} cast?"
    return {"kettle": "Torgau", "bell": "Pirna"}[thing]


def test_the_stock_pipeline_and_its_yaml(own_cache: Path, tmp_path: Path) -> None:
    write_towns(tmp_path)
    with OpenAIServer("Torgau") as server:
        key = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-test"}
        script = ROOT / "examples" / "stock_pipeline.py"
        printed = run(script, "questions.jsonl", "docs", "--out", "out", cwd=tmp_path, **key)
        asked = len(server.history)
        command = ["-m", "distilabel.cli.app", "pipeline", "run", "--config", "out/pipeline.yaml"]
        run(*command, cwd=tmp_path, **key)
    assert "In which town was the kettle cast? -> Torgau" in printed
    assert asked == len(server.history) == 2  # the second run had kept replies
    rows = Distiset.load_from_disk(str(tmp_path / "out" / "rows"))["default"]["train"]
    assert [row["retrieved_contexts"][0].split()[2] for row in rows] == ["kettle", "bell"]
    assert [row["keep_row_after_grounding"] for row in rows] == [True, True]  # both passages found
    assert "sk-test" not in (tmp_path / "out" / "pipeline.yaml").read_text("utf-8")


def test_documents_become_training_data(own_cache: Path, tmp_path: Path) -> None:
    write_towns(tmp_path)
    with OpenAIServer(answer_about_towns) as server:
        key = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-test"}
        script = ROOT / "examples" / "documents_to_training_data.py"
        printed = run(script, "docs", "--out", "export", cwd=tmp_path, **key)
    assert "export/pairs: {'train': " in printed


def test_answers_are_reviewed_in_argilla(server: Server, tmp_path: Path) -> None:
    script = ROOT / "examples" / "review_in_argilla.py"
    key = {"ARGILLA_API_URL": server.url, "ARGILLA_API_KEY": server.key("olga")}
    named = ["--dataset", "example", "--workspace", WORKSPACE]
    run(script, "push", "--limit", 4, *named, cwd=tmp_path, **key)
    records = server.records("example")
    server.answer("bob", records[0]["id"], {"verdict": "supported", "spans": []})
    printed = run(script, "pull", *named, cwd=tmp_path, **key)
    field = records[0]["fields"]
    assert len(records) == 4
    assert printed == f"{field['question']} -> {field['answer']}: supported\n"


def test_rows_are_published(local_hub: LocalHub, tmp_path: Path) -> None:
    script = ROOT / "examples" / "publish_to_hub.py"
    arguments = [script, "ann/example", "--limit", 4]
    program = local_hub.programs.run
    printed = run(*arguments, "--dry-run", "files", cwd=tmp_path, program=program)
    assert "files/README.md" in printed.split()
    assert "ann/example" not in local_hub.repos
    run(*arguments, cwd=tmp_path, program=program)
    assert "README.md" in local_hub.repos["ann/example"].files("main")
