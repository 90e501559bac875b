"""Errors on the terminal: the message is the last line, and settings have their options' names."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

#: Settings whose option is not `--` and their name.
_OPTIONS = {
    "source": "INPUT",
    "columns": "--column",
    "repo_id": "REPO_ID",
    "address": "--ray",
    "model": "MODEL",
    "cpus": "--shard-cpus",
    "gpus": "--shard-gpus",
}
#: Settings besides those of an experiment that the library names in its messages.
_OTHERS = ("out", "force", "private", "license", "language", "accept", "configs", "workspace")


def option(field: str) -> str:
    """What the command line calls a setting; `columns.question` is `--column question=...`."""
    name, _, key = field.partition(".")
    shown = _OPTIONS.get(name) or "--" + name.replace("_", "-")
    return f"{shown} {key}=..." if key else shown


def message(error: BaseException, places: dict[str, str] | None = None) -> str:
    """The error's text, with settings by the names of their options.

    Args:
        error: any error.
        places: field -> where its value was read, where that is no option.
    """
    from distilabel_rag4rag.errors import ConfigError

    text = str(error)
    if isinstance(error, ConfigError) and error.field:
        name, _, key = error.field.partition(".")
        place = (places or {}).get(name)
        shown = option(error.field) if place is None else f"{place}.{key}" if key else place
        text = error.text_for(shown)
    return with_options(text)


def with_options(text: str) -> str:
    """The text with the options of the settings that stand in it in backticks."""
    from distilabel_rag4rag.experiment.build_settings import BuildSettings
    from distilabel_rag4rag.experiment.settings import Settings
    from distilabel_rag4rag.training.settings import EvaluationSettings, TrainingSettings

    models = (Settings, BuildSettings, EvaluationSettings, TrainingSettings)
    names = {*_OTHERS, *(name for model in models for name in model.model_fields)}
    return re.sub(
        r"`(\w+)((?:\.\w+)?)`",
        lambda found: option(found[1] + found[2]) if found[1] in names else found[0],
        text,
    )


def print_error(text: str) -> None:
    """To the error stream, with nothing of it read as markup or obeyed by the terminal."""
    from distilabel_rag4rag.utils.text import for_terminal

    Console(stderr=True, soft_wrap=True).print(
        f"Error: {for_terminal(text)}", style="red", markup=False, highlight=False
    )


@contextmanager
def run_exits() -> Iterator[None]:
    """Exit code 2 for a model that cannot be used, 1 for what fails, 130 and 143 for signals."""
    from distilabel_rag4rag.errors import ConfigError, describe
    from distilabel_rag4rag.runtime.signals import Terminated

    try:
        yield
    except KeyboardInterrupt as interrupt:
        Console(stderr=True).print(
            "Interrupted. Answers that had come are kept (the packaged LLM's by batches): run the "
            "same again."
        )
        raise typer.Exit(143 if isinstance(interrupt, Terminated) else 130) from interrupt
    except ConfigError as error:
        print_error(message(error))
        raise typer.Exit(2) from error
    except Exception as error:
        print_error(describe(error))
        raise typer.Exit(1) from error


@contextmanager
def mistakes_exit(places: dict[str, str] | None = None) -> Iterator[None]:
    """Exit code 2 for what a user can mend in the call, 1 for what failed on the way."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        print_error(message(error, places))
        raise typer.Exit(2) from error
    except Exception as error:
        from distilabel.errors import DistilabelUserError

        from distilabel_rag4rag.errors import PublishError

        if not isinstance(error, DistilabelUserError | PublishError):
            raise
        print_error(message(error, places))
        raise typer.Exit(1 if isinstance(error, PublishError) else 2) from error
