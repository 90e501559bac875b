"""`rag4rag train --study`: the same model trained on the data, and on placebos of the same size."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from itertools import product
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from distilabel_rag4rag.comparison.rankings import NDCG, measure_rankings
from distilabel_rag4rag.data.retrieval_data import RetrievalData
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.models.packaged import embeddings_path, judge_path
from distilabel_rag4rag.training.arms import arm_sets
from distilabel_rag4rag.training.evaluate import short_name
from distilabel_rag4rag.training.finetune import Watch, finetune
from distilabel_rag4rag.training.placebos import SHUFFLED, Pair, TrainingSet, placebos
from distilabel_rag4rag.training.ranking import rank_by_bm25, rank_by_model
from distilabel_rag4rag.training.settings import DISTILLING, TrainingSettings
from distilabel_rag4rag.training.study_table import (
    AS_IT_WAS,
    BM25,
    Measured,
    StudyTable,
    study_table,
)
from distilabel_rag4rag.training.teachers import JUDGE, NEGATIVES
from distilabel_rag4rag.training.train import Training
from distilabel_rag4rag.training.trained_texts import TrainedTexts
from distilabel_rag4rag.utils.atomic import write_whole
from distilabel_rag4rag.utils.hashing import hash_of
from distilabel_rag4rag.utils.identity import with_files
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import counted

if TYPE_CHECKING:
    from datasets import Dataset

DATA = "the data"
RUNS = "runs"
#: nDCG@10 by set and query.
Scores = dict[str, dict[str, float]]


@dataclass(frozen=True)
class StudyResult:
    """What a study found.

    Attributes:
        tables: one for each model and set of queries.
        seconds: of all trainings and evaluations, those of earlier calls included.
        trainings: how many there were.
    """

    tables: list[StudyTable]
    seconds: float
    trainings: int


@public
class Study:
    """Everything that is trained on is made on construction, before a model is loaded.

    Args:
        settings: of the trainings.
        run: the folder of a run whose arms are trained on too; by default the source, where it is
            one.
        further: further rows to train on.

    Attributes:
        sets: what is trained on, the data first.
        parts: what is evaluated on: own documents and new ones apart.

    Raises:
        ConfigError: as `Training`, and if the data has too few rows.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        run: Path | None = None,
        further: Sequence[TrainingSet] = (),
    ) -> None:
        self.settings = settings
        self.training = Training(settings)
        self.notes = list(self.training.notes)
        rows = self.training.rows
        if settings.rows is not None:
            rows = rows.shuffle(seed=settings.seed).select(range(min(settings.rows, len(rows))))
        if self._scores_placebos:  # one way to negatives for all sets
            rows = rows.select_columns(["anchor", "positive"])
        elif settings.loss in DISTILLING:
            self.notes.append(
                "Placebos have no scores to learn from: they are trained with multiple_negatives."
            )
        self._rows = rows
        pairs = list(zip(rows["anchor"], rows["positive"], strict=True))
        if len(pairs) < 2:
            raise ConfigError("source", f"{len(pairs)} rows", "two rows at least")
        questions = self._questions(pairs)
        passages = self.training.passages
        arms = arm_sets(run or Path(str(settings.source)), [q for q, _ in pairs])
        self.sets = [
            TrainingSet(DATA, "question, passage", pairs, is_data=True),
            *(replace(arm, pairs=arm.pairs[: len(pairs)]) for arm in (*arms, *further)),
            *placebos(questions, passages, settings.seed),
        ]
        if self._scores_placebos:  # whatever a row calls right, the teacher scores it
            self.sets = [rows for rows in self.sets if rows.name != SHUFFLED]
        texts = [passage["context"] for passage in passages]
        trained = TrainedTexts.of([q for q, _ in pairs], [*texts, *(p for _, p in questions)])
        self.parts = [part for data in self.training.sets for part in data.parts(trained.passages)]

        self._scored: dict[str, "Dataset"] = {}
        self._shape = self._shaping()

    def _questions(self, pairs: list[Pair]) -> list[Pair]:
        """Question and passage of the rows, whatever form of them is trained on."""
        if self.settings.files != "answer_pairs":
            return pairs
        rows = self.training.exported.rows("pairs")
        passage_of = dict(zip(rows["anchor"], rows["positive"], strict=True))
        return [(q, passage_of[q]) for q, _ in pairs if q in passage_of]

    @property
    def trainings(self) -> int:
        """How many there are to do."""
        return len(self.settings.models) * len(self.sets) * self.settings.seeds

    def run(
        self,
        out: Path,
        watch: Watch | None = None,
        say: Callable[[str], None] = lambda line: None,
        phase: Callable[[str], None] = lambda what: None,
    ) -> StudyResult:
        """Trains and evaluates all, the first seed of each model first.

        What is done is kept in `runs`: a study that was interrupted goes on there.
        """
        s = self.settings
        bm25 = self._kept(out, [BM25], lambda: self._scores(rank_by_bm25))
        found: dict[tuple[str, str, int], Scores] = {}
        seconds = bm25[1]
        for number, model in enumerate(s.models):
            phase(f"{model}, {AS_IT_WAS}")
            self._scored.clear()
            found[model, AS_IT_WAS, 0], spent = self._kept(
                out, [model, AS_IT_WAS], partial(self._scores_of, model)
            )
            seconds += spent
            jobs = list(product(range(s.seeds), self.sets))
            for done, (seed, rows) in enumerate(jobs):
                phase(f"{model}, {rows.name}, seed {seed}")
                found[model, rows.name, seed], spent = self._kept(
                    out,
                    [model, rows.name, seed, rows.pairs],
                    partial(self._train, model, rows, seed, out, watch),
                )
                seconds += spent
                if not done:
                    left = counted(ceil((len(jobs) - 1) * spent / 60), "minute")
                    others = s.models[number + 1 :]
                    say(
                        f"{short_name(model)}: {spent:.0f} s for the first of"
                        f" {counted(len(jobs), 'training')}; about {left} for the others"
                        + (f", then {', '.join(map(short_name, others))}" if others else "")
                    )
        tables = [
            self._table(model, part, bm25[0], found)
            for model, part in product(s.models, self.parts)
        ]
        return StudyResult(tables, round(seconds, 1), self.trainings)

    def _table(
        self,
        model: str,
        part: RetrievalData,
        bm25: Scores,
        found: dict[tuple[str, str, int], Scores],
    ) -> StudyTable:
        def scores(of: Scores) -> Any:
            return np.array([of[part.name][query] for query in part.queries])

        measured = [
            Measured(BM25, "without training", None, [scores(bm25)]),
            Measured(AS_IT_WAS, "without training", None, [scores(found[model, AS_IT_WAS, 0])]),
        ]
        for rows in self.sets:
            seeds = [scores(found[model, rows.name, n]) for n in range(self.settings.seeds)]
            measured.append(Measured(rows.name, rows.about, len(rows.pairs), seeds, rows.is_data))
        title = f"{short_name(model)} on {part.name}"
        return study_table(title, measured, part.clusters(), self.settings.seed)

    def _train(
        self, model: str, rows: TrainingSet, seed: int, out: Path, watch: Watch | None
    ) -> Scores:
        from datasets import Dataset

        loaded = self.training.load(model)
        settings = self.settings.model_copy(update={"checks": 0, "resume": False})
        data = self._rows
        if rows.name != DATA:
            anchors, positives = zip(*rows.pairs, strict=True)
            data = Dataset.from_dict({"anchor": anchors, "positive": positives})
        if settings.teacher is not None and (rows.name == DATA or self._scores_placebos):
            if rows.name not in self._scored:  # all seeds train on the same scores
                self._scored[rows.name] = self.training.with_teacher(data, loaded)
            data = self._scored[rows.name]
        elif rows.name != DATA and settings.loss in DISTILLING:
            settings = settings.model_copy(update={"loss": "multiple_negatives"})
        finetune(loaded, data, settings, out, watch=watch, seed=self.settings.seed + seed)
        return self._scores(
            lambda part: rank_by_model(loaded, part, 10, settings.encode_batch_size)
        )

    @property
    def _scores_placebos(self) -> bool:
        """Whether the teacher scores placebos too: a judge cannot, as they have no answers."""
        teacher = self.settings.teacher
        return teacher is not None and teacher.partition(":")[0] != JUDGE

    def _scores_of(self, model: str) -> Scores:
        loaded = self.training.load(model)
        size = self.settings.encode_batch_size
        return self._scores(lambda data: rank_by_model(loaded, data, 10, size))

    def _scores(self, rank: Callable[[RetrievalData], Any]) -> Scores:
        """Each set is ranked once; its parts take their queries from it."""
        found: Scores = {}
        for data in self.training.sets:
            measured = measure_rankings(rank(data), data.qrels)
            for part in self.parts:
                if part.name.startswith(f"{data.name}: "):
                    found[part.name] = {q: measured[q][NDCG] for q in part.queries}
        return found

    def _shaping(self) -> str:
        """The hash of all that shapes a figure, but for the model and the rows of a placebo."""
        settings = self.settings.model_dump(
            mode="json", exclude={"models", "seeds", "resume", "device", "rows", "study", "source"}
        )
        sets = [[data.queries, data.corpus, data.qrels] for data in self.training.sets]
        parts = {part.name: list(part.queries) for part in self.parts}
        libraries = {name: version(name) for name in ("sentence-transformers", "torch")}
        packaged = with_files(embeddings_path())
        teacher = self._teacher()
        rows = self._rows.to_dict()
        return hash_of([settings, sets, parts, libraries, packaged, teacher, rows])

    def _teacher(self) -> Any:
        """All that shapes the teacher's scores."""
        teacher = self.settings.teacher or ""
        kind, _, model = teacher.partition(":")
        if kind == JUDGE:
            return [with_files(model or judge_path()), self.training.exported.answers()]
        texts = [passage["context"] for passage in self.training.passages] if teacher else []
        return [teacher, with_files(model or teacher), NEGATIVES, texts]

    def _kept(
        self, out: Path, names: Sequence[Any], make: Callable[[], Scores]
    ) -> tuple[Scores, float]:
        """What `make` gives and its seconds, or what an earlier call gave for the same."""
        key = hash_of([with_files(names[0]), *names[1:], self._shape])[:16]
        name = "-".join(short_name(str(part)) for part in names[:3]).replace(" ", "_")
        file = out / RUNS / f"{name}-{key}.json"
        if file.is_file():
            kept = json.loads(file.read_text("utf-8"))
            return kept["ndcg"], kept["seconds"]
        begin = time.monotonic()
        scores = make()
        seconds = round(time.monotonic() - begin, 2)
        with write_whole(file) as part:
            part.write_text(json.dumps({"seconds": seconds, "ndcg": scores}), "utf-8")
        return scores, seconds
