"""How the command line words what the library raises."""

import pytest
import typer

from distilabel_rag4rag.cli.errors import message, mistakes_exit, option, print_error
from distilabel_rag4rag.errors import ConfigError, PublishError


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("llm", "--llm"),
        ("max_failed", "--max-failed"),
        ("columns", "--column"),
        ("columns.question", "--column question=..."),
        ("llm_set.api_key", "--llm-set api_key=..."),
        ("source", "INPUT"),
        ("repo_id", "REPO_ID"),
    ],
)
def test_a_field_has_its_options_name(field: str, name: str) -> None:
    assert option(field) == name
    error = ConfigError(field, 1, "2")
    assert message(error) == f"{name}: found 1, expected 2."
    assert str(error) == f"{field}: found 1, expected 2."


def test_settings_in_the_text_have_their_options_names() -> None:
    error = ConfigError("out", "a", "a new folder", "Or give `force`; `api_key` is no setting.")
    assert message(error) == (
        "--out: found 'a', expected a new folder. Or give --force; `api_key` is no setting."
    )
    assert message(ValueError("name it with `columns.id`")) == "name it with --column id=..."
    assert message(ConfigError(None, "a", "b")) == "Found 'a', expected b."


def test_a_value_of_a_config_file_is_named_by_its_place() -> None:
    error = ConfigError("k", 0, "1 or more")
    assert message(error, {"k": "'c.yaml', k"}) == "'c.yaml', k: found 0, expected 1 or more."


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("llm", 1, "2"), 2),
        (ValueError("x"), 2),
        (FileNotFoundError("x"), 2),
        (ImportError("x"), 2),
        (PublishError("x"), 1),
    ],
)
def test_the_message_is_the_last_line_and_the_code_says_whose_fault(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, mistakes_exit():
        raise error
    assert caught.value.exit_code == code
    assert capsys.readouterr().err.splitlines() == [f"Error: {message(error)}"]


def test_a_fault_of_the_program_is_not_taken_for_a_users() -> None:
    with pytest.raises(TypeError), mistakes_exit():
        raise TypeError("x")


def test_a_message_is_neither_markup_nor_obeyed_by_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_error("[bold]x[/bold] \x1b[2J\x07 [/]")
    assert capsys.readouterr().err == "Error: [bold]x[/bold] ␛[2J␇ [/]\n"
