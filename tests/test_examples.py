"""What users copy runs: the README's pipeline and the scripts in examples/."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import load_from_disk
from distilabel.distiset import Distiset
from helpers.export_data import passages, rows
from helpers.openai_server import OpenAIServer
from helpers.tiny_embedders import save_embedder
from sentence_transformers import SentenceTransformer

from distilabel_rag4rag import export_training_data

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


def run(*command: object, cwd: Path, **environment: str) -> str:
    """What a script prints; it must end well."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
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
