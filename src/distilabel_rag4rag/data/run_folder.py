"""The files of a run: `rows.parquet`, `summary.json` and `run.json` in one folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.schema import OLD_ARM_NAMES
from distilabel_rag4rag.utils.atomic import write_whole

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_FILE = "rows.parquet"
SUMMARY_FILE = "summary.json"
RUN_FILE = "run.json"
#: What a build writes beside them: all passages, and the files to train on.
PASSAGES_FILE = "passages.parquet"
EXPORT_FOLDER = "export"


@dataclass(frozen=True)
class RunFolder:
    """Reads and writes the files of a run.

    Attributes:
        path: the folder; it need not exist.
    """

    path: Path

    @property
    def files(self) -> list[Path]:
        """Those of the three files that exist."""
        paths = [self.path / name for name in (ROWS_FILE, SUMMARY_FILE, RUN_FILE)]
        return [path for path in paths if path.is_file()]

    @property
    def is_of_build(self) -> bool:
        """Whether it is the folder of a build; a comparison writes no passages."""
        return self.has_rows and (self.path / PASSAGES_FILE).is_file()

    @property
    def has_rows(self) -> bool:
        """Whether it is the folder of a run."""
        return (self.path / ROWS_FILE).is_file()

    def rows(self) -> "pa.Table":
        """One row per question and arm; the columns are those of `schema`."""
        import pyarrow.parquet as pq

        return pq.read_table(self.path / ROWS_FILE)

    def summary(self) -> dict[str, Any]:
        """The figures of the comparison, with arms by the names of today; empty without them."""
        return {
            name: _with_new_names(value) if name in _NAMING_ARMS else value
            for name, value in self._json(SUMMARY_FILE).items()
        }

    def run(self) -> dict[str, Any]:
        """Settings, versions, seconds and counts; empty where there are none."""
        return self._json(RUN_FILE)

    def write(self, rows: "pa.Table", summary: dict[str, Any], run: dict[str, Any]) -> list[Path]:
        """Writes the files, each whole or not at all, and returns their paths."""
        import pyarrow.parquet as pq

        with write_whole(self.path / ROWS_FILE) as part:
            pq.write_table(rows, part)
        self.write_summary(summary)
        self.write_run(run)
        return self.files

    def write_summary(self, summary: dict[str, Any]) -> Path:
        """Writes the figures of a comparison alone, whole or not at all."""
        return self._write_json(SUMMARY_FILE, summary)

    def write_run(self, run: dict[str, Any]) -> Path:
        """Writes the record of a run alone, whole or not at all."""
        return self._write_json(RUN_FILE, run)

    def _write_json(self, name: str, data: dict[str, Any]) -> Path:
        with write_whole(self.path / name) as part:
            part.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", "utf-8")
        return self.path / name

    def _json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        if not path.is_file():
            return {}
        try:
            found = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise ConfigError(None, str(path), "a JSON file", f"It is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise ConfigError(None, str(path), f"a JSON object in it, not {type(found).__name__}")
        return found


#: The parts of a summary that name the arm that is computed.
_NAMING_ARMS = ("arms", "pairs", "thresholds", "notes")


def _with_new_names(value: Any) -> Any:
    """Arms that an earlier version named otherwise, as keys, in names of pairs and as values."""
    if isinstance(value, dict):
        return {
            "_vs_".join(OLD_ARM_NAMES.get(name, name) for name in key.split("_vs_")): (
                _with_new_names(item)
            )
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_new_names(item) for item in value]
    if isinstance(value, str):
        arm, colon, rest = value.partition(": ")  # a note begins with its arm
        return OLD_ARM_NAMES.get(arm, arm) + colon + rest
    return value
