"""What the README and the documentation show can be run, and the site builds."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from click import Context
from helpers.fresh import run_program
from helpers.openai_server import OpenAIServer

from distilabel_rag4rag.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [
    path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md")))
    if path.name not in ("faults.md", "CONTRIBUTING.md")
]


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page; what is indented belongs to a tab."""
    found = re.findall(
        rf"^([ ]*)```{language}\n(.*?)^\1```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return [re.sub(rf"(?m)^{indent}", "", block) for indent, block in found]


COMMANDS = [
    pytest.param(shlex.split(line, comments=True)[1:], id=f"{page.stem}-{line[:60]}")
    for page in PAGES
    for block in blocks(page, "sh")
    for line in block.replace("\\\n", " ").split("\n")
    if line.startswith("rag4rag ")
]
PROGRAMS = [
    pytest.param(source, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, source in enumerate(blocks(page, "python"))
]


@pytest.mark.parametrize("arguments", COMMANDS)
def test_commands_have_the_options_they_are_given(arguments: list[str]) -> None:
    """Everything but what a command checks when it runs."""
    group = typer.main.get_command(app)
    context = Context(group)
    while hasattr(group, "commands"):
        name, command, arguments = group.resolve_command(context, arguments)
        assert command is not None, name
        group = command
    group.make_context("rag4rag", list(arguments), parent=context)


def reply(messages: list[dict[str, Any]]) -> str:
    """A question about a house where none is answered, else what the passage says."""
    prompt = " ".join(str(message["content"]) for message in messages)
    if "NOT IN PASSAGES" in prompt:
        return "Ena 1" if "Ena" in prompt else "Torgau"
    [number] = set(re.findall(r"house (\d)", prompt))
    return f"Where was the kettle of house {number} cast?"


@pytest.mark.slow
@pytest.mark.parametrize("source", PROGRAMS)
def test_programs_run(source: str, own_cache: Path, tmp_path: Path) -> None:
    asked = [{"anchor": f"Who is number {i}?", "text": f"Ena {i} is number {i}."} for i in range(3)]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    (tmp_path / "docs").mkdir()
    for i in range(3):
        text = f"The kettle of house {i} was cast in Torgau in 17{i}2. It weighs {i} tons today. "
        (tmp_path / "docs" / f"{i}.md").write_text(f"# House {i}\n\n" + text * 3)
    (tmp_path / "program.py").write_text(source)
    with OpenAIServer(reply) as server:
        key = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-test"}
        done = run_program("program.py", cwd=tmp_path, env={**os.environ, **key}, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = ["mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    api = (tmp_path / "site" / "reference" / "api" / "index.html").read_text("utf-8")
    assert "LettuceDetectJudge" in api
    assert "--max-concurrency" in (tmp_path / "site/reference/cli/index.html").read_text("utf-8")
