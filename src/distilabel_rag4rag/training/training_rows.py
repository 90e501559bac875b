"""The rows of an export to train on, refused where something of a held-out split is among them."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from distilabel_rag4rag.data.run_folder import RunFolder
from distilabel_rag4rag.data.splits import TEST, TRAIN, VALIDATION
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.export import FORMATS, check_export
from distilabel_rag4rag.training.read_data import beir_folder
from distilabel_rag4rag.training.trained_texts import TrainedTexts
from distilabel_rag4rag.utils.text import counted, has_text

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class ExportedRows:
    """The files of an export.

    Attributes:
        folder: of the export.
    """

    folder: Path

    @classmethod
    def of(cls, source: str | Path | None) -> "ExportedRows":
        """From the folder of a build, or of an export.

        Raises:
            ConfigError: if there is nothing to train on, or something of validation or test is
                among what is trained on.
        """
        if source is None:
            raise ConfigError("source", None, "the folder of `build`, or of an export")
        places = (Path(source) / "export", Path(source))
        folder = next((place for place in places if _formats(place)), None)
        if folder is None:
            raise ConfigError(
                "source",
                str(source),
                "the folder of `build`, or of an export, with files such as pairs/train.parquet",
            )
        if leaks := check_export(folder):
            kinds = Counter(f"{leak.kind} of {leak.held_out} in {leak.other}" for leak in leaks)
            raise ConfigError(
                "source",
                ", ".join(f"{counted(n, 'leak')}: {kind}" for kind, n in kinds.items()),
                "an export in which nothing of validation or test stands in another split",
                f"`rag4rag check-export {folder}` shows the texts.",
            )
        return cls(folder)

    def rows(self, data: str) -> "Dataset":
        """The training rows of a format.

        Raises:
            ConfigError: if the export lacks it.
        """
        from datasets import Dataset

        if data not in _formats(self.folder):
            raise ConfigError("data", data, f"one of {_formats(self.folder)}, which are exported")
        return Dataset(pq.read_table(self.folder / data / f"{TRAIN}.parquet"))

    def answers(self) -> dict[str, str]:
        """Question -> its answer, where the export lies in the folder of a build."""
        run = RunFolder(self.folder.parent)
        if not run.is_of_build:
            return {}
        rows = run.rows().select(["question", "answer"]).to_pylist()
        return {row["question"]: row["answer"] for row in rows if has_text(row["answer"])}

    def splits(self) -> set[str]:
        """Those of validation and test that can be evaluated on."""
        beir = beir_folder(self.folder)
        qrels = [] if beir is None else (beir / "qrels").glob("*.tsv")
        return {path.stem for path in qrels} & {VALIDATION, TEST}

    def trained(self) -> TrainedTexts:
        """All questions and passages of the training split."""
        questions: set[str] = set()
        passages: set[str] = set()
        for data in _formats(self.folder):
            rows = self.rows(data)
            questions.update(rows["anchor"])
            if data != "answer_pairs":
                passages.update(rows["positive"])
        return TrainedTexts.of(questions, passages)


def _formats(folder: Path) -> list[str]:
    """The formats that can be trained on."""
    return [name for name in FORMATS if (folder / name / f"{TRAIN}.parquet").is_file()]
