"""What can be wrong with the folder of the results and the name of the judge."""

import os
from collections.abc import Iterable
from pathlib import Path

from distilabel_rag4rag.data.language import UNKNOWN, main_language
from distilabel_rag4rag.data.run_folder import RunFolder
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.models.packaged import EMBEDDED


def check_judge(judge: str) -> None:
    """Whether a judge that is named by a path is there.

    Raises:
        ConfigError: if it is not.
    """
    if (judge.startswith(("/", ".", "~")) or judge.count("/") > 1) and not os.path.isdir(judge):
        raise ConfigError("judge", judge, f"a folder that exists, a Hub id, or '{EMBEDDED}'")


def check_out(out: Path, force: bool) -> None:
    """Whether results can be written to a folder.

    Raises:
        ConfigError: if not, or if it holds results already and `force` is False.
    """
    exists = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not exists.is_dir() or not os.access(exists, os.W_OK):
        raise ConfigError(
            "out", str(out), f"a folder, but '{exists}' is none that can be written to"
        )
    if (results := RunFolder(out).files) and not force:
        names = ", ".join(path.name for path in results)
        raise ConfigError(
            "out",
            str(out),
            f"a new folder: it holds results already ({names})",
            "Give another folder, or `force` to overwrite them.",
        )


def language_note(texts: Iterable[str], models: dict[str, str]) -> str | None:
    """What to know where the texts are in a language that a packaged model was not trained on.

    Args:
        texts: passages or questions.
        models: setting -> the model.
    """
    packaged = [f"`{setting}`" for setting, model in models.items() if model == EMBEDDED]
    if not packaged or (language := main_language(texts)) in ("en", UNKNOWN):
        return None
    return (
        f"The texts are in another language than English ({language}), and the packaged models are"
        f" English: expect bad figures, and set {' and '.join(packaged)}."
    )
