"""Pages that mkdocs makes from the code: command line, names, columns; and copies of READMEs."""

import re
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.cli import get_docs_for_click

from distilabel_rag4rag import schema
from distilabel_rag4rag.cli import app

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "distilabel_rag4rag"
JUDGE = "src/distilabel_rag4rag/models/judge_adapter/README.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    pages = {
        "index.md": _readme(),
        "reference/cli.md": _command_line(),
        "reference/api.md": _names(),
        "reference/columns.md": _columns(),
        "reference/judge.md": _judge(),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text("utf-8"),
        "contributing.md": _linked((ROOT / "CONTRIBUTING.md").read_text("utf-8")),
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def _readme() -> str:
    return _linked((ROOT / "README.md").read_text("utf-8"))


def _linked(text: str) -> str:
    """The text with links that hold in the site."""
    for path, page in (
        (JUDGE, "reference/judge.md"),
        ("CONTRIBUTING.md", "contributing.md"),
        ("CHANGELOG.md", "changelog.md"),
    ):
        text = text.replace(f"({path})", f"({page})")
    text = re.sub(r" · \[notebooks\]\([^)]*\)", "", text)  # they are no part of the site
    return text.replace("](docs/", "](")


def _judge() -> str:
    return re.sub(r"\A---\n.*?\n---\n", "", (ROOT / JUDGE).read_text("utf-8"), flags=re.DOTALL)


def _command_line() -> str:
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="rag4rag")
    text = get_docs_for_click(obj=command, ctx=context, name="rag4rag", title="Command line")
    return text.replace("* `--install-completion`", "")


def _names() -> str:
    """An entry for each public name, by the folder that it comes from."""
    stub = (SOURCE / "__init__.pyi").read_text("utf-8")
    found: dict[str, list[str]] = {}
    for module, names in re.findall(r"from \.([\w.]+) import (\([^)]*\)|[^\n]*)", stub):
        for name in re.findall(r"\w+", names):
            found.setdefault(module.split(".")[0], []).append(f"{module}.{name}")
    lines = ["# Steps and functions", "", "All of these are imported from `distilabel_rag4rag`."]
    for part in sorted(found, key=lambda part: (part != "steps", part)):
        lines += ["", f"## {part}"]
        for name in sorted(found[part], key=lambda name: name.rpartition(".")[2].lower()):
            lines += ["", f"::: distilabel_rag4rag.{name}"]
    return "\n".join(lines) + "\n"


def _columns() -> str:
    lines = ["# Columns", ""]
    for title, columns in (
        ("Of every arm's rows", schema.COLUMNS),
        ("Of steps that no arm has", schema.STEP_COLUMNS),
        ("Of `MineHardNegatives`", schema.NEGATIVE_COLUMNS),
    ):
        lines += [f"## {title}", "", "| column | type | meaning |", "|---|---|---|"]
        lines += [f"| `{c.name}` | `{_type(c.type)}` | {c.meaning} |" for c in columns] + [""]
    lines += ["## Reasons why there is no answer", "", "| `answer_reason` |", "|---|"]
    reasons = (
        schema.EMPTY_QUESTION, schema.NO_PASSAGES, schema.ABSTAINED, schema.NO_REPLY,
        schema.NOTHING_LEFT, schema.ONLY_REASONING, schema.NOT_UNDERSTOOD, schema.NOT_AS_ASKED,
    )  # fmt: skip
    lines += [f"| `{reason}` |" for reason in reasons]
    lines += ["", "Where a request failed, the server's own words follow `the LLM gave nothing`."]
    lines += ["", "## Reasons why a row is not kept", "", "| `grounding_reason` |", "|---|"]
    lines += [
        "| `no answer: …`, with the `answer_reason` |",
        "| `not judged: …`, with the `judge_reason` |",
    ]
    lines += ["| `hallucinated: score S, threshold T` |"]
    lines += ["", "`judge_reason` is `abstained`, `no answer`, `empty answer`, `no evidence` or"]
    lines += ["`judge failed: …`. Every other mark's reason says in words what the row lacks."]
    return "\n".join(lines) + "\n"


def _type(kind: Any) -> str:
    return str(kind).replace("item: ", "").replace("element: ", "")
