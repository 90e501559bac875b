"""`rag4rag train`: an export to a fine-tuned retriever, measured beside what it was before."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilabel_rag4rag.comparison.retrieval_evaluation import RetrievalEvaluation
from distilabel_rag4rag.data.retrieval_data import RetrievalData
from distilabel_rag4rag.data.splits import TEST, VALIDATION
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.export import beir
from distilabel_rag4rag.training.evaluate import evaluate_retrievers, short_name
from distilabel_rag4rag.training.finetune import CHECKPOINTS, TrainingRun, Watch, finetune
from distilabel_rag4rag.training.model_card import write_model_card
from distilabel_rag4rag.training.models import check_folder, load_retriever
from distilabel_rag4rag.training.placebos import Passage, passages_to_train_on
from distilabel_rag4rag.training.read_data import beir_folder, read_retrieval_data
from distilabel_rag4rag.training.settings import DISTILLING, TrainingSettings
from distilabel_rag4rag.training.teachers import FUSION, has_negatives, with_scores
from distilabel_rag4rag.training.trained_texts import TrainedTexts
from distilabel_rag4rag.training.training_rows import ExportedRows
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import counted, one_of

if TYPE_CHECKING:
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer

MODEL_FOLDER = "model"
TRAINED = "fine-tuned"
#: With fewer rows a gain is not to be expected.
FEW_ROWS = 100
#: Told what is being done.
Phase = Callable[[str], None]


@dataclass(frozen=True)
class TrainingResult:
    """What a training made.

    Attributes:
        model: the folder of the fine-tuned model.
        run: how the training went.
        evaluations: the model beside BM25 and what it was before, on each set.
        record: settings, seconds and counts.
    """

    model: Path
    run: TrainingRun
    evaluations: list[RetrievalEvaluation]
    record: dict[str, Any]


@public
class Training:
    """Rows and sets are read and checked on construction, before a model is loaded.

    Attributes:
        sets: what the model is evaluated on.
        notes: what the user should know.

    Raises:
        ConfigError: if a setting or the files cannot be used, or something of validation or test
            is trained on.
        ImportError: if the extra `train` is missing.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        if find_spec("accelerate") is None:
            raise ImportError("Training needs accelerate: pip install 'distilabel-rag4rag[train]'")
        self.settings = settings
        if settings.teacher is not None and settings.loss not in DISTILLING:
            raise ConfigError(
                "loss", settings.loss, f"{one_of(DISTILLING)}, which learn from a teacher's scores"
            )
        kind, _, model = (settings.teacher or "").partition(":")
        if kind == FUSION:
            check_folder(model, "teacher")
        self.exported = ExportedRows.of(settings.source)
        self.rows = self.exported.rows(settings.files)
        self.trained = self.exported.trained()
        splits = self.exported.splits()
        self.notes = [
            f"The export has no {name} split to evaluate on"
            for name in (VALIDATION, TEST)
            if name not in splits
        ]
        if len(self.rows) < FEW_ROWS:
            self.notes.append(
                f"There are only {counted(len(self.rows), 'row')} to train on: expect no gain."
            )
        self.validation = self._split(VALIDATION) if VALIDATION in splits else None
        self.test = self._split(TEST) if TEST in splits else None
        self.sets = [] if self.test is None else [self.test]
        for source in settings.evaluate_on or ():
            data = read_retrieval_data(
                source,
                columns=settings.columns or None,
                titles=settings.titles,
                field_name="evaluate_on",
            )
            self.trained.refuse_leaks(data, "evaluate_on")
            same = sum(known.name.split(" #")[0] == data.name for known in self.sets)
            self.sets.append(replace(data, name=f"{data.name} #{same + 1}") if same else data)
        if settings.mines:  # what a question is told apart from is trained on too
            texts = [passage["context"] for passage in self.passages]
            negatives = TrainedTexts.of([], texts)
            self.trained = replace(
                self.trained, passages=self.trained.passages | negatives.passages
            )
        if not self.sets:
            raise ConfigError(
                "evaluate_on",
                None,
                "a set to evaluate on, since the export has no test split",
                "Its rows come from too few documents for one; build with more, or name a set.",
            )

    def _split(self, split: str) -> RetrievalData:
        return read_retrieval_data(self.exported.folder, split=split, titles=self.settings.titles)

    def load(self, name: str) -> "SentenceTransformer":
        """A model of the settings, on the device and with the length of the settings."""
        s = self.settings
        return load_retriever(name, device=s.device, max_tokens=s.max_tokens)

    def with_teacher(self, rows: "Dataset", model: "SentenceTransformer") -> "Dataset":
        """The rows, with the scores of the teacher if the settings name one."""
        s = self.settings
        if s.teacher is None:
            return rows
        texts: dict[str, None] = {}
        if not has_negatives(rows):
            texts = {passage["context"]: None for passage in self.passages}
        return with_scores(rows, s.teacher, model, s.device, self.exported.answers(), texts)

    @cached_property
    def passages(self) -> list[Passage]:
        """All passages that may be trained on: those of no held-out document."""
        held_out = [data for data in (self.validation, self.test) if data is not None]
        folder = beir_folder(self.exported.folder)
        if folder is None:
            return [{"context": text} for text in dict.fromkeys(self.rows["positive"])]
        found = [_passage(line) for line in beir.read_lines(folder / beir.CORPUS_FILE)]
        return passages_to_train_on(found, held_out)

    def run(
        self, out: Path, watch: Watch | None = None, phase: Phase = lambda what: None
    ) -> TrainingResult:
        """Trains, evaluates, and writes the model with its card.

        Raises:
            ConfigError: if the model cannot be loaded.
        """
        s = self.settings
        if len(s.models) != 1:
            raise ConfigError("models", s.models, "one model", "Several are for a study.")
        (name,) = s.models
        started, begin = datetime.now(UTC), time.monotonic()
        phase("loading the model")
        base, model = self.load(name), self.load(name)
        phase("training")
        run = finetune(
            model,
            self.with_teacher(self.rows, base),
            s,
            out,
            validation=self.validation,
            watch=watch,
        )
        phase("evaluating")
        evaluations = [
            evaluation
            for data in self.sets
            for evaluation in evaluate_retrievers(
                {short_name(name): base, TRAINED: model},
                data,
                trained=self.trained,
                seed=s.seed,
                encode_batch_size=s.encode_batch_size,
            )
        ]
        record = {
            "title": "A fine-tuned retriever",
            "settings": s.model_dump(mode="json"),
            "data": self.exported.folder.parent.name,
            "notes": self.notes,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - begin, 1),
            "run": asdict(run),
        }
        folder = out / MODEL_FOLDER
        phase("writing")
        model.save_pretrained(str(folder), create_model_card=False)
        self.trained.write(folder)
        write_model_card(folder, record, evaluations)
        return TrainingResult(folder, run, evaluations, record)


def _passage(line: dict[str, Any]) -> Passage:
    metadata = line.get("metadata") or {}
    return {
        "passage_id": str(line["_id"]),
        "context": str(line.get("text") or ""),
        "title": line.get("title"),
        **{name: metadata.get(name) for name in ("document_id", "heading_path", "start", "end")},
    }


def kept_models(out: Path) -> bool:
    """Whether an earlier training kept a model to go on from."""
    return any((out / CHECKPOINTS).glob("checkpoint-*"))
