"""Whether results can be written to a folder."""

from pathlib import Path

from distilabel_rag4rag.errors import ConfigError

#: What earlier results are known by.
RESULTS = "evaluation.json"


def check_out_folder(out: Path, force: bool) -> None:
    """Refuses a folder with results.

    Raises:
        ConfigError: if it holds results and `force` is False, or is a file.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError("out", str(out), "a folder")
    if (out / RESULTS).is_file() and not force:
        raise ConfigError(
            "out",
            str(out),
            f"a new folder: it holds results already ({RESULTS})",
            "Give another folder, or `force` to overwrite them.",
        )
