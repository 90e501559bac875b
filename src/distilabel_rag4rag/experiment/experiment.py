"""One experiment: settings in, the arms run on the same questions, files out."""

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from distilabel_rag4rag.data.chunking import Tokenize
from distilabel_rag4rag.data.passage_reader import PassageReader
from distilabel_rag4rag.data.rows import load_rows
from distilabel_rag4rag.data.run_folder import RunFolder
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.experiment.checks import check_judge, check_out, language_note
from distilabel_rag4rag.experiment.placement import Placement
from distilabel_rag4rag.experiment.settings import Settings
from distilabel_rag4rag.schema import GOLD_CONTEXT, HUMAN, RAG4RAG, RUN_ARMS, ZERO_SHOT
from distilabel_rag4rag.utils.text import has_text, one_of

if TYPE_CHECKING:
    import pyarrow as pa

    from distilabel_rag4rag.comparison import Comparison


_ASKED_PLAINLY = (
    "zero_shot asked the question alone (zero_shot_prompt: plain), not for the two sentences under"
    " headings that GenerateSentencePair, as published, asks for."
)


class Watcher(Protocol):
    """What an experiment reports to while it runs."""

    def phase(self, what: str) -> None:
        """Something else than an arm begins, such as loading the models."""

    def note(self, text: str) -> None:
        """Something that the user should know now."""

    def start(self, arm: str, steps: Sequence[str]) -> None:
        """An arm with these steps begins."""

    def advance(self, step: str, rows: int) -> None:
        """A step of the arm has finished so many rows in all."""

    def done(self) -> None:
        """The arm, or the phase, has ended."""


@dataclass(frozen=True)
class Result:
    """All rows of all arms, the comparison, the record of the run, the files."""

    rows: "pa.Table"
    comparison: "Comparison"
    summary: dict[str, Any]
    run: dict[str, Any]
    files: list[Path]


class Experiment:
    """The arms on the same questions, with the same LLM, judged against the same evidence.

    Everything that can be wrong with settings and input is found on construction, before any
    model is loaded; `run` then loads or reaches every model before the first arm.

    Attributes:
        questions: the rows that go in.
        pipelines: arm -> its pipeline, in the order in which they run.
        notes: what was left out or changed in the input, and what differs from the usual
            comparison.

    Raises:
        ConfigError, ValueError: if a setting or the input cannot be used, or `out` holds results
            and `force` is not given.
    """

    def __init__(self, settings: Settings, out: str | Path, force: bool = False) -> None:
        self.settings = settings
        self.out = Path(out)
        self.notes: list[str] = []
        self._tokenizer: Tokenize | None = None
        check_judge(settings.judge)
        check_out(self.out, force)
        self._placement = Placement(settings, self.out)
        self._placement.check()
        self.questions = load_rows(
            settings.source,
            columns=settings.columns or None,
            split=settings.split,
            limit=settings.limit,
            seed=settings.seed,
            delimiter=settings.delimiter,
            context_required=settings.corpus is None,
            notes=self.notes,
        )
        if settings.corpus is not None:
            self._check_corpus(settings.corpus)
        self._note_language()
        with_contexts = any(map(has_text, self.questions["context"]))
        arms = self._arms(with_contexts)
        if any(map(has_text, self.questions["human_answer"])):
            arms.append(HUMAN)

        # Imported only here, because it takes seconds: an error above is read at once.
        from distilabel_rag4rag.experiment.build_arms import ArmBuilder

        if ZERO_SHOT in arms and not settings.asks_as_published:
            self.notes.append(_ASKED_PLAINLY)
        self._builder = ArmBuilder(settings, with_contexts)
        self.pipelines = self._builder.build(arms)

    def _note_language(self) -> None:
        """The questions count where there is no passage beside them."""
        rows = zip(self.questions["context"], self.questions["question"], strict=True)
        texts = (context if has_text(context) else question or "" for context, question in rows)
        s = self.settings
        models = {"llm": s.llm, "embeddings": s.embeddings, "judge": s.judge}
        if note := language_note(texts, models):
            self.notes.append(note)

    def _check_corpus(self, corpus: str) -> None:
        from distilabel_rag4rag.steps.retrieval.index_manifest import read_manifest

        if read_manifest(corpus) is None:  # no index: read for its errors and notes
            reader = PassageReader(
                corpus, tokenize=self._tokenize, max_tokens=self.settings.max_tokens
            )
            for _ in reader:
                pass
            self.notes += reader.notes

    def _tokenize(self, text: str) -> Sequence[tuple[int, int]]:
        """The embedder's tokens; the imports, which take seconds, are for documents alone."""
        if self._tokenizer is None:
            from distilabel_rag4rag.experiment.models import Models
            from distilabel_rag4rag.models.tokenizers import tokenizer_of

            self._tokenizer = tokenizer_of(Models(self.settings).embeddings())
        return self._tokenizer(text)

    def _arms(self, with_contexts: bool) -> list[str]:
        """Those asked for, or all that the questions allow."""
        arms = self.settings.arms
        if with_contexts:
            return list(arms or RUN_ARMS)
        possible = [arm for arm in RUN_ARMS if arm != GOLD_CONTEXT]
        if self.settings.corpus is None:
            raise ConfigError(
                "corpus", None, "passages to retrieve from, since the questions have no context"
            )
        if arms and GOLD_CONTEXT in arms:
            raise ConfigError(
                "arms", arms, f"{one_of(possible)}, since the questions have no context"
            )
        self.notes.append(
            "The questions have no source passage: answers are judged against what was retrieved,"
            f" and {GOLD_CONTEXT} is not possible."
        )
        return list(arms or possible)

    def run(self, watcher: Watcher) -> Result:
        """Runs the arms one after the other, compares them, and writes the files.

        Nothing is written before all arms have ended; an interrupted experiment goes on from the
        LLM's answers, which are kept as they come.

        Raises:
            ConfigError: if a model cannot be loaded or reached.
            RunFailed: if an arm fails.
        """
        import pyarrow as pa

        from distilabel_rag4rag.comparison import compare
        from distilabel_rag4rag.experiment.import_ahead import import_ahead
        from distilabel_rag4rag.experiment.run_arm import run_arm, versions
        from distilabel_rag4rag.report import write_report

        started = datetime.now(UTC)
        begin = time.monotonic()
        for note in self.notes:
            watcher.note(note)
        retrieves = any("retrieve" in pipeline.dag.G for pipeline in self.pipelines.values())
        watcher.phase("importing torch")
        import_ahead(retrieves)
        self._check_models(watcher, retrieves)
        runs = []
        with self._placement.connected():
            for arm, pipeline in self.pipelines.items():
                watcher.start(arm, list(pipeline.dag.G))
                pipeline.on_progress = watcher.advance
                runs.append(run_arm(arm, self._placement.of(pipeline), self.questions))
                watcher.done()
        watcher.phase("comparing the arms")
        rows = pa.concat_tables([run.rows for run in runs])
        comparison = compare(rows, threshold=self.settings.threshold, seed=self.settings.seed)
        summary = comparison.to_dict()
        record = {
            "settings": self.settings.model_dump(mode="json"),
            "notes": self.notes,
            "arms": {run.arm: run.record() for run in runs},
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - begin, 2),
            "versions": versions(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
        }
        watcher.phase("writing the report")
        files = RunFolder(self.out).write(rows, summary, record)
        files += self._save_pipelines()
        files += write_report(comparison, self.out, run=record)
        watcher.done()
        return Result(rows, comparison, summary, record, files)

    def _check_models(self, watcher: Watcher, retrieves: bool) -> None:
        from distilabel_rag4rag.experiment.check_models import check_models

        check_models(
            self._builder.llm(RAG4RAG),
            self._builder.models.embeddings() if retrieves else None,
            self._builder.models.judge(),
            watcher.phase,
            watcher.note,
        )
        watcher.done()

    def _save_pipelines(self) -> list[Path]:
        paths = []
        for arm, pipeline in self.pipelines.items():
            paths.append(self.out / "pipelines" / f"{arm}.yaml")
            pipeline.save(paths[-1], format="yaml")
        return paths
