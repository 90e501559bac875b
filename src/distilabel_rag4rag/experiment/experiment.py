"""One experiment: settings in, the arms run on the same questions, files out."""

import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from distilabel.errors import DistilabelUserError
from pydantic import ValidationError

from distilabel_rag4rag.data.rows import load_passages, load_rows
from distilabel_rag4rag.experiment.run_arm import run_arm, versions
from distilabel_rag4rag.models.by_name import (
    EMBEDDED,
    in_short,
    make_embeddings,
    make_llm,
    parse_settings,
)
from distilabel_rag4rag.models.llms.cached_llm import cached
from distilabel_rag4rag.pipelines.arms import ARMS, human
from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline
from distilabel_rag4rag.steps.generators.load_rows import LoadRows
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge
from distilabel_rag4rag.steps.retrieval.index_manifest import read_manifest

if TYPE_CHECKING:
    import pyarrow as pa
    from distilabel.models.llms import LLM

    from distilabel_rag4rag.comparison import Comparison

ROWS_FILE = "rows.parquet"
SUMMARY_FILE = "summary.json"
RUN_FILE = "run.json"

#: SmolLM2-135M never writes the headings that GenerateSentencePair asks for and parses, so its
#: replies are begun for it; without this every answer of the baseline would be lost. The other
#: arms' replies are begun too, with "Answer:".
_HEADING = "## Positive\n\nThe answer is"


def _plain_prompts() -> dict[str, str]:
    """The prompts for SmolLM2-135M, which finds the answer half as often behind fences."""
    prompts = files("distilabel_rag4rag.steps.tasks") / "templates"
    return {
        "system_template": (prompts / "plain_system.jinja2").read_text("utf-8"),
        "template": (prompts / "plain_user.jinja2").read_text("utf-8"),
    }


@dataclass(frozen=True)
class Settings:
    """All settings of an experiment, as the command line names them."""

    source: str | None = None
    columns: dict[str, str | None] | None = None
    split: str | None = None
    corpus: str | None = None
    limit: int | None = None
    arms: list[str] = field(default_factory=lambda: list(ARMS))
    k: int = 1
    seed: int = 0
    llm: str = EMBEDDED
    llm_set: list[str] = field(default_factory=list)
    embeddings: str = EMBEDDED
    embeddings_set: list[str] = field(default_factory=list)
    judge: str = EMBEDDED
    judge_set: list[str] = field(default_factory=list)
    threshold: float = 0.5
    style: str = "short"
    abstain: bool = True
    batch_size: int = 32
    cache: bool = True
    max_failed: float = 0.05


def _passage_columns(columns: dict[str, str | None] | None) -> dict[str, str | None]:
    """The part of a mapping that concerns passages."""
    return {k: v for k, v in (columns or {}).items() if k in ("passage_id", "title", "context")}


class Watcher(Protocol):
    """What an experiment reports to while it runs."""

    def start(self, arm: str) -> None:
        """An arm begins."""

    def advance(self, step: str, rows: int) -> None:
        """A step of the arm has finished so many rows in all."""

    def done(self) -> None:
        """The arm has ended."""


@dataclass(frozen=True)
class Result:
    """What an experiment found: all rows of all arms, the comparison, the run, the files."""

    rows: "pa.Table"
    comparison: "Comparison"
    summary: dict[str, Any]
    run: dict[str, Any]
    files: list[Path]


class Experiment:
    """The arms on the same questions, with the same LLM, judged against the same evidence.

    Everything that can be wrong with the settings is found on construction, before any model
    is loaded.

    Attributes:
        questions: the rows that go in.

    Raises:
        ValueError, DistilabelUserError: if a setting or the input cannot be used, or `out` holds
            results and `force` is not given.
    """

    def __init__(self, settings: Settings, out: str | Path, force: bool = False) -> None:
        self.settings = settings
        self.out = Path(out)
        self._check(force)
        self.questions = load_rows(
            settings.source,
            columns=settings.columns,  # type: ignore[arg-type]
            split=settings.split,
            limit=settings.limit,
            seed=settings.seed,
        )
        if settings.corpus is not None and read_manifest(settings.corpus) is None:
            load_passages(settings.corpus)  # for its errors: before any arm runs
        self.pipelines = {arm: self._pipeline(arm) for arm in settings.arms}
        if any(self.questions["human_answer"]):
            self.pipelines["human"] = self._human()

    def _check(self, force: bool) -> None:
        arms = self.settings.arms
        if unknown := [arm for arm in arms if arm not in ARMS]:
            raise DistilabelUserError(f"--arms: found {unknown}, expected some of {list(ARMS)}.")
        if not arms or len(set(arms)) < len(arms):
            raise DistilabelUserError(f"--arms: found {arms}, expected one or more, each once.")
        if self.settings.style not in ("short", "sentence"):
            raise DistilabelUserError(
                f"--style: found {self.settings.style!r}, expected 'short' or 'sentence'."
            )
        there = next(path for path in (self.out, *self.out.absolute().parents) if path.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):
            raise DistilabelUserError(
                f"--out: '{there}' is not a folder that can be written to, so '{self.out}' cannot"
                " be made."
            )
        if self.settings.seed < 0:
            raise DistilabelUserError(f"--seed: found {self.settings.seed}, expected 0 or more.")
        judge = self.settings.judge
        if (judge.startswith(("/", ".", "~")) or judge.count("/") > 1) and not os.path.isdir(judge):
            raise DistilabelUserError(
                f"--judge: there is no folder '{judge}', expected one, a Hub id, or '{EMBEDDED}'."
            )
        results = [
            name for name in (ROWS_FILE, SUMMARY_FILE, RUN_FILE) if (self.out / name).exists()
        ]
        if results and not force:
            raise DistilabelUserError(
                f"--out: '{self.out}' holds results already ({', '.join(results)});"
                " give another folder, or --force to overwrite them."
            )

    def _pipeline(self, arm: str) -> FailFastPipeline:
        s = self.settings
        arguments: dict[str, Any] = {
            "llm": self._llm(arm),
            "judge": self._judge(),
            "threshold": s.threshold,
            "style": s.style,
            "abstain": s.abstain,
            "batch_size": s.batch_size,
            "pipeline_class": FailFastPipeline,
        }
        if arm != "zero_shot":
            plain = s.llm == EMBEDDED and s.style == "short"
            arguments["answer"] = _plain_prompts() if plain else {}
        if arm == "rag4rag":
            arguments["embeddings"] = make_embeddings(
                s.embeddings, parse_settings(s.embeddings_set, "--embeddings-set")
            )
            # All passages of the input, also where --limit takes only some of its questions:
            # a smaller corpus would flatter retrieval.
            given = {"split": s.split, "columns": _passage_columns(s.columns)}
            arguments |= {
                "k": s.k,
                "corpus": s.corpus or s.source,
                "retrieve": {} if s.corpus else given,
            }
        pipeline = ARMS[arm](self._rows(), **arguments)  # type: ignore[operator]
        pipeline.max_failed = s.max_failed
        return pipeline  # type: ignore[no-any-return]

    def _human(self) -> FailFastPipeline:
        """The human answers, judged too: their flags are the judge's false alarms."""
        return human(  # type: ignore[return-value]
            self._rows(),
            judge=self._judge(),
            threshold=self.settings.threshold,
            batch_size=self.settings.batch_size,
            pipeline_class=FailFastPipeline,
        )

    def _rows(self) -> LoadRows:
        s = self.settings
        return LoadRows(
            source=s.source, columns=s.columns, split=s.split, limit=s.limit, seed=s.seed
        )

    def _llm(self, arm: str) -> "LLM":
        s = self.settings
        llm = make_llm(s.llm, parse_settings(s.llm_set, "--llm-set"))
        if s.llm == EMBEDDED:
            begin = {"reply_prefix": _HEADING if arm == "zero_shot" else "Answer:"}
            llm.generation_kwargs = {**begin, **(llm.generation_kwargs or {})}
        return cached(llm, enabled=s.cache)

    def _judge(self) -> LettuceDetectJudge:
        try:
            return LettuceDetectJudge(
                model=self.settings.judge,
                **parse_settings(self.settings.judge_set, "--judge-set"),
            )
        except ValidationError as error:
            raise DistilabelUserError(f"--judge-set: {in_short(error)}") from error

    def run(self, watcher: Watcher) -> Result:
        """Runs the arms one after the other, compares them, and writes the files.

        Nothing is written before all arms have ended; an interrupted experiment goes on from the
        LLM's answers, which are kept as they come.
        """
        import pyarrow as pa

        from distilabel_rag4rag.comparison import compare
        from distilabel_rag4rag.report import write_report

        started = datetime.now(UTC)
        begin = time.monotonic()
        runs = []
        for arm, pipeline in self.pipelines.items():
            watcher.start(arm)
            pipeline.on_progress = watcher.advance
            runs.append(run_arm(arm, pipeline, self.questions))
            watcher.done()
        rows = pa.concat_tables([run.rows for run in runs])
        comparison = compare(rows, threshold=self.settings.threshold, seed=self.settings.seed)
        record = {
            "settings": asdict(self.settings),
            "arms": {run.arm: run.record() for run in runs},
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - begin, 2),
            "versions": versions(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
        }
        files = self._write(rows, comparison.to_dict(), record)
        files += write_report(comparison, self.out, run=record)
        return Result(rows, comparison, comparison.to_dict(), record, files)

    def _write(
        self, rows: "pa.Table", summary: dict[str, Any], record: dict[str, Any]
    ) -> list[Path]:
        """The data; each file is complete or not there."""
        import pyarrow.parquet as pq

        self.out.mkdir(parents=True, exist_ok=True)
        files = []
        for name in (ROWS_FILE, SUMMARY_FILE, RUN_FILE):
            part = self.out / f".{name}.part"
            if name == ROWS_FILE:
                pq.write_table(rows, part)
            else:
                data = summary if name == SUMMARY_FILE else record
                part.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", "utf-8")
            os.replace(part, self.out / name)
            files.append(self.out / name)
        for arm, pipeline in self.pipelines.items():
            path = self.out / "pipelines" / f"{arm}.yaml"
            pipeline.save(path, format="yaml")
            files.append(path)
        return files
