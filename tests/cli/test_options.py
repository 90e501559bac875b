"""Options, config files and the template of one, derived from the model of the settings."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from distilabel_rag4rag.cli.app import app
from distilabel_rag4rag.cli.compare_command import CompareOptions, DemoOptions
from distilabel_rag4rag.cli.options import (
    config_text,
    options_of,
    parse_columns,
    parse_pairs,
    read_config,
)
from distilabel_rag4rag.data.rows import ROW_COLUMNS
from distilabel_rag4rag.experiment.settings import Settings


def called(*arguments: Any) -> tuple[int, str]:
    """Exit code and output of a command."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.output


def options(*arguments: Any) -> CompareOptions:
    """What `compare` gets from these arguments."""
    got: list[CompareOptions] = []
    only = typer.Typer()
    only.command()(options_of(CompareOptions)(got.append))
    done = CliRunner().invoke(only, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return got[0]


def test_every_setting_is_an_option_and_without_options_the_defaults_hold() -> None:
    _, text = called("compare", "--help")
    for name in CompareOptions.model_fields:
        names = {"source": "[INPUT]", "columns": "--column"}
        assert names.get(name, f"--{name.replace('_', '-')}") in text
    assert options() == CompareOptions()
    assert options().model_fields_set == set()


def test_every_kind_of_option_reaches_its_field() -> None:
    found = options(
        *("q.jsonl", "--column", "question=anchor", "--column", "id=", "--split", "dev"),
        *("--limit", 3, "-k", 2, "--arms", "rag4rag,zero_shot", "--no-abstain", "--no-cache"),
        *("--llm-set", "generation_kwargs.temperature=0.2", "--llm-set", "tags=[a, b]"),
        *("--threshold", 0.9, "--style", "sentence", "-o", "here", "--force", "-v"),
    )
    assert found.model_dump(exclude_unset=True) == {
        "source": "q.jsonl",
        "columns": {"question": "anchor", "id": None},
        "split": "dev",
        "limit": 3,
        "k": 2,
        "arms": ["rag4rag", "zero_shot"],
        "abstain": False,
        "cache": False,
        "llm_set": {"generation_kwargs": {"temperature": 0.2}, "tags": ["a", "b"]},
        "threshold": 0.9,
        "style": "sentence",
        "out": Path("here"),
        "force": True,
        "verbose": True,
    }


def test_the_demo_takes_some_of_the_options_and_has_its_own_folder() -> None:
    _, text = called("demo", "--help")
    assert set(re.findall(r"--[a-z-]+", text)) == {
        *("--out", "--limit", "--full", "--arms", "--seed", "--force", "--verbose", "--help"),
    }
    assert "out/demo" in text
    assert DemoOptions().out == Path("out/demo")


def test_help_names_our_columns_and_the_key_of_the_input() -> None:
    text = " ".join(called("compare", "--help")[1].split())
    assert all(name in text for name in ROW_COLUMNS)
    assert "INPUT as the key `input`" in text


def test_a_config_file_gives_values_and_options_win(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "input: q.jsonl\n"
        "column: {question: anchor, id: null}\n"
        "llm_set: {generation_kwargs.temperature: 0.2, max_retries: 1}\n"
        "embeddings-set: [normalize_embeddings=false]\n"
        "arms: rag4rag\nk: 2\nseed: 7\nout: there\nforce: true\n"
    )
    found = options("--config", config, "--k", 1, "--llm-set", "max_retries=9")
    assert found.model_dump(exclude_unset=True) == {
        "source": "q.jsonl",
        "columns": {"question": "anchor", "id": None},
        "llm_set": {"max_retries": 9},
        "embeddings_set": {"normalize_embeddings": False},
        "arms": ["rag4rag"],
        "k": 1,
        "seed": 7,
        "out": Path("there"),
        "force": True,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("llmm: x", "Error: --config: found 'llmm', expected 'llm' in 'FILE'."),
        ("inpt: x", "Error: --config: found 'inpt', expected 'input' in 'FILE'."),
        ("Batch-Sise: 3", "Error: --config: found 'Batch-Sise', expected 'batch_size' in 'FILE'."),
        ("1: x", "Error: --config: found '1', expected a key that --print-config lists in 'FILE'."),
        ("k: 0", "Error: 'FILE', k: found 0, expected a number greater than or equal to 1."),
        ("input: 3", "Error: 'FILE', input: found 3, expected a valid string."),
        ("arms: [x]", "Error: 'FILE', arms: found ['x'], expected 'zero_shot', "),
        ("style: shrt", "Error: 'FILE', style: found 'shrt', expected 'short' or 'sentence'."),
        ("llm_set: 3", "Error: 'FILE', llm_set: found 3, expected a valid dictionary."),
        ("llm_set: {a: 1, a.b: 2}", "Error: 'FILE', llm_set: 'a' is given twice, see 'a.b'"),
        (
            "column: {question: 3}",
            "Error: 'FILE', column.question: found 3, expected a valid string.",
        ),
        ("column: [question]", "Error: 'FILE', column: found 'question', expected OURS=THEIRS"),
        ("- k", "Error: --config: 'FILE' holds list, expected KEY: VALUE"),
        ("k: [", "Error: --config: cannot read 'FILE': "),
    ],
)
def test_what_is_wrong_in_a_config_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(text + "\n")
    code, output = called("compare", "--config", config, "--out", tmp_path / "out")
    assert code == 2
    assert output.replace(str(config), "FILE").startswith(message)


def test_a_config_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_bytes("llm: Größe".encode("latin-1"))
    code, output = called("compare", "--config", config)
    assert (code, f"--config: cannot read '{config}'" in output) == (2, True)


def test_a_printed_config_is_a_config_file_of_the_same_settings(tmp_path: Path) -> None:
    code, text = called("compare", "--print-config")
    assert code == 0
    assert yaml.safe_load(text)["input"] is None
    for field in Settings.model_fields.values():
        assert (field.description or "?").split()[-1] in text
    (tmp_path / "c.yaml").write_text(text)
    assert options("--config", tmp_path / "c.yaml") == CompareOptions()


def test_a_printed_config_holds_the_options_given_with_it(tmp_path: Path) -> None:
    arguments = (
        *("q.jsonl", "--column", "id=", "--llm-set", "a.b=ä: 1", "--arms", "rag4rag", "-k", 4),
        *("--out", tmp_path / "out"),
    )
    code, text = called("compare", *arguments, "--print-config")
    assert code == 0
    (tmp_path / "c.yaml").write_text(text)
    found = options("--config", tmp_path / "c.yaml")
    assert found == options(*arguments)
    assert (found.source, found.k, found.columns) == ("q.jsonl", 4, {"id": None})
    assert not (tmp_path / "out").exists()
    assert config_text(found) == text


@pytest.mark.parametrize(
    ("arguments", "near", "far"),
    [
        (["compare", "--embedings", "x"], "--embeddings", "--judge"),
        (["compare", "--treshold", "1"], "--threshold", "--llm"),
        (["demo", "--sed", "1"], "--seed", "--arms"),
        (["compair"], "compare", "publish"),
    ],
)
def test_a_misspelled_option_suggests_the_near_ones(
    arguments: list[str], near: str, far: str
) -> None:
    code, output = called(*arguments)
    assert (code, near in output, far in output) == (2, True, False)


def test_pairs() -> None:
    assert parse_columns(["question=a=b", "id="]) == {"question": "a=b", "id": None}
    assert parse_pairs(["a.b.c=1", "a.b.d=x", "e=[1, 2]", "f=", "g=a=b"], "--llm-set") == {
        "a": {"b": {"c": 1, "d": "x"}},
        "e": [1, 2],
        "f": None,
        "g": "a=b",
    }
    for pairs in (["=1"], ["a"]):
        with pytest.raises(ValueError, match=r"--judge-set: found .*, expected KEY=VALUE"):
            parse_pairs(pairs, "--judge-set")


def test_an_empty_config_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("# all of it is a comment\n")
    assert read_config(tmp_path / "c.yaml", CompareOptions) == {}


def test_the_version() -> None:
    from importlib.metadata import version

    assert called("--version") == (0, f"rag4rag {version('distilabel-rag4rag')}\n")
