"""What an index was made of, and whether that is what is asked for."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.utils.atomic import write_whole

INDEX_FILE = "index.faiss"
PASSAGES_FILE = "passages.arrow"
MANIFEST_FILE = "manifest.json"
#: What version 0.1 wrote, which still opens.
OLD_PASSAGES_FILE = "passages.parquet"
FILES = (INDEX_FILE, PASSAGES_FILE, OLD_PASSAGES_FILE, MANIFEST_FILE)


@dataclass(frozen=True)
class MadeWith:
    """The settings that shape an index besides its passages.

    Attributes:
        embedder: the embedder's name, for messages: a local model's is a path, which may change.
        embedder_state: all that shapes its vectors and can be seen (`embedder_state`).
        passage_prompt: put before each passage.
        index_factory: a string of faiss's index factory.
    """

    embedder: str
    embedder_state: dict[str, Any]
    passage_prompt: str
    index_factory: str

    def settings(self) -> dict[str, Any]:
        """What an index is found again by, by name."""
        return {
            "passage_prompt": self.passage_prompt,
            "index_factory": self.index_factory,
            **{f"embeddings.{name}": value for name, value in self.embedder_state.items()},
        }

    def differences(self, asked: "MadeWith") -> list[str]:
        """Each setting that is another one than asked for, with both values where known."""
        found, wanted = self.settings(), asked.settings()
        differ = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
        of_weights = [n for n in differ if n in ("embeddings.model", "embeddings.weights")]
        said = [
            _difference(name, found.get(name), wanted.get(name))
            for name in differ
            if name not in of_weights
        ]
        if of_weights and self.embedder != asked.embedder:
            said.insert(0, f"`embeddings`: found {self.embedder!r}, expected {asked.embedder!r}")
        elif of_weights:
            said.insert(0, f"`embeddings`: the files of '{asked.embedder}' have changed")
        return said


@dataclass(frozen=True)
class Manifest:
    """What an index was made of.

    Attributes:
        made_with: the settings.
        passages: SHA-256 over ids and texts, in order.
        count: how many passages.
        dimension: of the vectors.
        probe: the embedder's vectors of fixed texts, for what of it cannot be seen.
        files: hashes of the other files.
    """

    made_with: MadeWith
    passages: str
    count: int
    dimension: int
    probe: list[list[float]]
    files: dict[str, str]


def write_manifest(folder: str | Path, manifest: Manifest) -> None:
    """Writes the manifest of an index folder."""
    with write_whole(Path(folder) / MANIFEST_FILE) as part:
        part.write_text(json.dumps(asdict(manifest)) + "\n", "utf-8")


def read_manifest(folder: str | Path) -> Manifest | None:
    """The manifest of an index folder, or None where there is none.

    Raises:
        DistilabelUserError: if the file is not a manifest of this version.
    """
    path = Path(folder) / MANIFEST_FILE
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
        return Manifest(**{**found, "made_with": MadeWith(**found["made_with"])})
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise DistilabelUserError(
            f"'{path}' is not a manifest of an index of this version ({type(error).__name__}:"
            f" {error}). Delete the folder '{folder}' to build the index anew."
        ) from error


def other_files(folder: Path) -> list[str]:
    """What stands in a folder and is not part of an index; building one would delete it.

    Raises:
        DistilabelUserError: if it is no folder.
    """
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise DistilabelUserError(f"`index_dir`: '{folder}' is a file, expected a folder.")
    return sorted({f.name for f in folder.iterdir()} - set(FILES))


def _difference(name: str, found: Any, wanted: Any) -> str:
    # Other texts of an embedder are known by their hashes alone.
    is_known = not name.startswith("embeddings.") or name.startswith(
        ("embeddings.class", "embeddings.version")
    )
    if is_known or not isinstance(found if wanted is None else wanted, str):
        return f"`{name}`: found {found!r}, expected {wanted!r}"
    return f"`{name}` has changed"


def check_settings(setting: str, folder: str | Path, differences: list[str]) -> None:
    """Refuses an index that was made otherwise than asked for.

    Raises:
        ConfigError: if there are differences, with each of them.
    """
    if differences:
        raise ConfigError(
            setting,
            str(folder),
            "the folder of an index that was built with the same settings",
            f"In this one differ {'; '.join(differences)}. Use the same settings, another"
            f" `{setting}`, or delete the folder to build the index anew.",
        )
