"""What an index was made of, and whether it is the one that is asked for."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from distilabel.errors import DistilabelUserError

MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What an index was made of. All fields but `count` and `passages` must match to reuse it."""

    embedder: str
    dimension: int
    metric: str
    passage_prompt: str
    index_factory: str
    count: int
    passages: str  # SHA-256 over ids and texts, in order


def write_manifest(folder: str | Path, manifest: Manifest) -> None:
    """Writes the manifest of an index folder."""
    (Path(folder) / MANIFEST_FILE).write_text(json.dumps(asdict(manifest), indent=2) + "\n")


def read_manifest(folder: str | Path) -> Manifest | None:
    """The manifest of an index folder, or None where there is none.

    Raises:
        DistilabelUserError: if the file is not a manifest of ours.
    """
    path = Path(folder) / MANIFEST_FILE
    if not path.is_file():
        return None
    try:
        return Manifest(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise DistilabelUserError(
            f"'{path}' is not a manifest of an index: {error}. Delete the folder to build it anew."
        ) from error


def check_reusable(
    folder: str | Path, manifest: Manifest, embedder: str, passage_prompt: str, index_factory: str
) -> None:
    """Refuses an index that was made otherwise than asked for, naming each difference.

    Raises:
        DistilabelUserError: if embedder, prompt or factory differ.
    """
    asked = {
        "embeddings": (manifest.embedder, embedder),
        "passage_prompt": (manifest.passage_prompt, passage_prompt),
        "index_factory": (manifest.index_factory, index_factory),
    }
    differ = [
        f"`{setting}`: found {found!r}, expected {expected!r}"
        for setting, (found, expected) in asked.items()
        if found != expected
    ]
    if differ:
        raise DistilabelUserError(
            f"The index in '{folder}' was built with other settings ({'; '.join(differ)})."
            " Use the same settings, or another `index_dir`."
        )
