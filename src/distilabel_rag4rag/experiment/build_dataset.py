"""A build: documents in; questions with answers, checks and hard negatives, and files out."""

import os
import platform
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any

from distilabel_rag4rag.data.run_folder import EXPORT_FOLDER, PASSAGES_FILE, RunFolder
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.experiment.build_settings import ROW_CHECKS, BuildSettings
from distilabel_rag4rag.experiment.checks import check_judge, check_out, language_note
from distilabel_rag4rag.experiment.experiment import Watcher
from distilabel_rag4rag.experiment.placement import Placement
from distilabel_rag4rag.experiment.stage_times import StageTimes
from distilabel_rag4rag.models.packaged import EMBEDDED
from distilabel_rag4rag.report.funnel import WANTED, Stage, accepted, funnel
from distilabel_rag4rag.schema import RAG4RAG, keep_column, reason_column
from distilabel_rag4rag.utils.text import counted

Row = dict[str, Any]

#: Passages that an estimate asks about.
ESTIMATED = 8
#: Of the first questions so many are expected to pass the checks.
EXPECTED_PASS = 0.4
#: Rounds ask for so much more than is expected to be needed, since reloading models costs more.
SPARE = 1.25
FEWEST_PASSAGES = 16


@dataclass(frozen=True)
class BuildResult:
    """What a build made.

    Attributes:
        rows: all rows, with every mark.
        stages: what each check took.
        accepted: rows that are trained on.
        ended: why it ended, in a sentence.
        record: settings, seconds, tokens, documents and figures, as in run.json.
        files: what was written.
    """

    rows: list[Row]
    stages: list[Stage]
    accepted: int
    ended: str
    record: dict[str, Any]
    files: list[Path]

    def sentences(self) -> list[str]:
        """What was made, how well retrievers find it, and what an estimate says of the whole."""
        from distilabel_rag4rag.report.build_sentences import build_sentences

        return build_sentences(self.rows, self.stages, self.record)


class Build:
    """Documents to training data.

    Settings and documents are checked and read on construction, before any model is loaded.

    Attributes:
        corpus: the passages, and what was left out.
        notes: what the user should know before anything is asked.

    Raises:
        ConfigError: if a setting or the documents cannot be used, or `out` holds results and
            `force` is not given.
        ImportError: if a format of document needs the extra `documents`.
    """

    def __init__(self, settings: BuildSettings, out: str | Path, force: bool = False) -> None:
        self.settings, self.out = settings, Path(out)
        check_judge(settings.judge)
        check_out(self.out, force)
        self._placement = Placement(settings, self.out)
        self._placement.check()
        from distilabel_rag4rag.data.corpus import read_corpus
        from distilabel_rag4rag.experiment.models import Models
        from distilabel_rag4rag.models.tokenizers import load_tokenizer, tokenizer_name

        self._models = Models(settings)
        self._times = StageTimes()
        tokenizer = tokenizer_name(self._models.embeddings())
        with self._times.measured("models"):
            tokenize = load_tokenizer(tokenizer)
        with self._times.measured("read"):
            self.corpus = read_corpus(
                settings.source,
                tokenize,
                settings.max_tokens,
                settings.overlap,
                columns=settings.columns or None,
                split=settings.split,
            )
        self._times.seconds["read"] -= self.corpus.chunk_seconds
        self._times.seconds["chunk"] += self.corpus.chunk_seconds
        self.notes = list(self.corpus.notes)
        models = {"llm": settings.llm, "embeddings": settings.embeddings, "judge": settings.judge}
        if note := language_note((row["context"] for row in self.corpus.passages), models):
            self.notes.append(note)
        self._checks = [check for check in settings.checks if self._is_possible(check)]
        self._asked = self._order()
        if not self._asked:
            raise ConfigError(
                "source",
                settings.source,
                "passages that questions can be asked about",
                f"All {len(self.corpus.passages)} are too short, or no prose.",
            )

    @property
    def questions_at_most(self) -> int:
        """How many questions are written if no earlier end is reached."""
        s = self.settings
        passages = min(len(self._asked), ESTIMATED) if s.estimate else len(self._asked)
        questions = passages * s.num_questions
        return min(questions, s.max_questions or questions)

    def _is_possible(self, check: str) -> bool:
        if check != "language" or find_spec("py3langid"):
            return True
        self.notes.append(
            "The check of languages is left out: it needs pip install"
            " 'distilabel-rag4rag[documents]'"
        )
        return False

    def _order(self) -> list[Row]:
        """The passages to ask about, one of each document in turn; within one, in random order."""
        by_document: dict[str, list[Row]] = defaultdict(list)
        for row in self.corpus.passages:
            if row[keep_column("passage")]:
                by_document[row["document_id"]].append(row)
        for document, rows in by_document.items():
            random.Random(f"{self.settings.seed}-{document}").shuffle(rows)
        longest = max(map(len, by_document.values()), default=0)
        return [
            rows[turn]
            for turn in range(longest)
            for rows in by_document.values()
            if turn < len(rows)
        ]

    def run(self, watcher: Watcher) -> BuildResult:
        """Asks, answers, checks, mines and writes.

        An interrupted build goes on from the LLM's replies, which are kept as they come.

        Raises:
            ConfigError: if a model cannot be loaded or reached.
            RunFailed: if a run fails.
        """
        started, begin = datetime.now(UTC), time.monotonic()
        for note in self.notes:
            watcher.note(note)
        for unread in self.corpus.unread[:20]:
            watcher.note(f"Not read: {unread.name}: {unread.reason}")
        self._write_passages()
        with self._times.measured("models"):
            self._check_models(watcher)
        begin_asking = time.monotonic()
        with self._placement.connected():
            rows, ended, asked = self._rows(watcher)
        asking_seconds = time.monotonic() - begin_asking
        watcher.phase("writing")
        stages = funnel(rows, self._checks)
        for stage in stages:
            if stage.dropping and stage.taken:
                watcher.note(f"{stage.check}: {counted(stage.taken, 'row')}, as {stage.meaning}")
        record = self._record(rows, ended, asked)
        record |= {
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - begin, 2),
            "asking_seconds": round(asking_seconds, 2),
        }
        files = self._write(rows, stages, record, watcher)
        watcher.done()
        kept = sum(accepted(row, (*self._checks, WANTED)) for row in rows)
        return BuildResult(rows, stages, kept, ended, record, files)

    def _rows(self, watcher: Watcher) -> tuple[list[Row], str, int]:
        """Rounds of questions until there are enough, or the passages or the budget are used up."""
        s = self.settings
        budget = s.max_questions or len(self._asked) * s.num_questions
        most = min(len(self._asked), max(1, budget // s.num_questions))
        if s.estimate:
            most = min(most, ESTIMATED)
        made: list[Row] = []
        selected: list[Row] = []
        asked = 0
        while True:
            number = self._passages_needed(selected, asked, most)
            watcher.start("questions", ["load", "ask", "retrieve", "answer", "judge"])
            questions = self._questions(self._asked[asked : asked + number])
            made += self._run(self._placement.of(questions), watcher)
            asked += number
            # What needs all the rows runs on this machine.
            watcher.start("selection", ["load", "mark_duplicates", "mark_round_trip"])
            selected = self._run(self._selection(made), watcher)
            kept = sum(accepted(row, self._checks) for row in selected)
            if s.rows is not None and kept >= s.rows:
                self._mark_wanted(selected, s.rows)
                return selected, f"{counted(s.rows, 'row')}, as asked for", asked
            if asked >= most:
                return selected, self._why_ended(kept, asked, most), asked

    def _passages_needed(self, rows: Sequence[Row], asked: int, most: int) -> int:
        s = self.settings
        if s.rows is None:
            return most - asked
        kept = sum(accepted(row, self._checks) for row in rows)
        per_passage = kept / asked if kept else EXPECTED_PASS * s.num_questions
        needed = max(FEWEST_PASSAGES, ceil(SPARE * (s.rows - kept) / per_passage))
        return min(needed, most - asked)

    def _why_ended(self, kept: int, asked: int, most: int) -> str:
        s = self.settings
        if s.estimate:
            return f"an estimate from {counted(asked, 'passage')}"
        if most < len(self._asked):
            cause = f"max_questions ({s.max_questions:,}) is used up"
        else:
            cause = f"all {counted(asked, 'passage')} were asked about"
        wanted = f" of the {s.rows:,} asked for" if s.rows else ""
        return f"{counted(kept, 'row')}{wanted}: {cause}"

    def _mark_wanted(self, rows: list[Row], wanted: int) -> None:
        """Takes the rows that are asked for from the documents in turn; marks those left over."""
        by_document: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            row[keep_column(WANTED)], row[reason_column(WANTED)] = True, None
            if accepted(row, self._checks):
                by_document[row["document_id"]].append(row)
        turns = sorted(
            ((turn, place, row) for place, own in enumerate(by_document.values())
             for turn, row in enumerate(own)),
            key=lambda item: item[:2],
        )  # fmt: skip
        for _, _, row in turns[wanted:]:
            row[keep_column(WANTED)] = False
            row[reason_column(WANTED)] = f"more than the {wanted} rows asked for"

    def _questions(self, passages: Sequence[Row]) -> Any:
        from distilabel_rag4rag.experiment.few_shot import (
            plain_answer_settings,
            plain_question_settings,
        )
        from distilabel_rag4rag.pipelines.build import build
        from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline

        s = self.settings
        packaged = s.llm == EMBEDDED
        types = s.question_types or ["factoid", "why_how", *([] if packaged else ["keyword"])]
        pipeline = build(
            passages,
            llm=self._models.llm("Answer:"),
            question_llm=self._models.llm(),
            judge=self._models.judge(),
            embeddings=self._models.embeddings(),
            corpus=str(self.out / PASSAGES_FILE),
            question={
                "num_questions": s.num_questions,
                "question_types": types,
                "seed": s.seed,
                **(plain_question_settings() if packaged else {}),
            },
            k=s.k,
            answer=plain_answer_settings() if packaged and s.style == "short" else None,
            repair={"rounds": s.repair_rounds} if s.repair_rounds else None,
            threshold=s.threshold,
            style=s.style,
            check_language=find_spec("py3langid") is not None,
            all_at_once=False,
            batch_size=s.batch_size,
            pipeline_class=FailFastPipeline,
        )
        pipeline.max_failed = s.max_failed  # type: ignore[attr-defined]
        return pipeline

    def _selection(self, rows: Sequence[Row]) -> Any:
        from distilabel_rag4rag.pipelines.build import select
        from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline

        negatives = self.settings.negatives
        return select(
            rows,
            embeddings=self._models.embeddings(),
            corpus=str(self.out / PASSAGES_FILE),
            judge=self._models.judge(),
            negatives={"num_negatives": negatives} if negatives else None,
            checks=[check for check in self._checks if check in ROW_CHECKS],
            pipeline_class=FailFastPipeline,
        )

    def _run(self, pipeline: Any, watcher: Watcher) -> list[Row]:
        pipeline.on_progress = watcher.advance
        with self._times.run(pipeline):
            distiset = pipeline.run()
        rows = [dict(row) for row in distiset["default"]["train"]]
        watcher.done()
        return rows

    def _check_models(self, watcher: Watcher) -> None:
        from distilabel_rag4rag.experiment.check_models import check_models
        from distilabel_rag4rag.experiment.import_ahead import import_ahead

        watcher.phase("importing torch")
        import_ahead(retrieves=True)
        models = self._models
        check_models(models.llm(), models.embeddings(), models.judge(), watcher.phase, watcher.note)
        watcher.done()

    def _write_passages(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from distilabel_rag4rag.schema import arrow_schema
        from distilabel_rag4rag.utils.atomic import write_whole

        schema = arrow_schema(*self.corpus.passages[0])
        with write_whole(self.out / PASSAGES_FILE) as part:
            pq.write_table(pa.Table.from_pylist(self.corpus.passages, schema=schema), part)

    def _record(self, rows: Sequence[Row], ended: str, asked: int) -> dict[str, Any]:
        from distilabel_rag4rag.experiment.run_arm import versions

        tokens = {
            name: sum(row[name] for row in rows if row.get(name) is not None)
            for name in ("input_tokens", "output_tokens")
        }
        return {
            "kind": "build",
            "settings": self.settings.model_dump(mode="json"),
            "notes": self.notes,
            "checks": self._checks,
            "ended": ended,
            "documents": self.corpus.documents,
            "unread": [asdict(unread) for unread in self.corpus.unread],
            "passages": len(self.corpus.passages),
            "passages_asked": asked,
            "passages_to_ask": len(self._asked),
            **tokens,
            "versions": versions(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
        }

    def _write(
        self, rows: list[Row], stages: list[Stage], record: dict[str, Any], watcher: Watcher
    ) -> list[Path]:
        from distilabel_rag4rag.export import export_training_data
        from distilabel_rag4rag.report.write_build_report import write_build_report
        from distilabel_rag4rag.schema import table_of

        summary = {"funnel": [asdict(stage) for stage in stages]}
        table = table_of([{**row, "arm": RAG4RAG} for row in rows])
        folder = RunFolder(self.out)
        files = [self.out / PASSAGES_FILE, *folder.write(table, summary, record)]
        kept = [row for row in rows if accepted(row, (*self._checks, WANTED))]
        if kept and not self.settings.estimate:
            with self._times.measured("export"):
                export = export_training_data(
                    kept, self.corpus.passages, self.out / EXPORT_FOLDER, checks=[], force=True
                )
            for note in export.notes:
                watcher.note(note)
            files.append(export.folder)
        record["stages"] = self._times.stages()
        folder.write_run(record)
        files += write_build_report(rows, stages, record, self.out)
        return files
