"""Rows that passed every check -> files to train and evaluate retrievers and judges with."""

import json
import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from distilabel_rag4rag.data.duplicates import letters
from distilabel_rag4rag.data.identity import normalised, passage_id
from distilabel_rag4rag.data.splits import SPLITS, TEST, TRAIN, VALIDATION, split_rows
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.export import beir
from distilabel_rag4rag.export.card import write_card
from distilabel_rag4rag.export.check import Leak, check_export
from distilabel_rag4rag.export.kept_rows import marks_among, why_not_kept
from distilabel_rag4rag.export.lettucedetect import training_sample, write_samples
from distilabel_rag4rag.export.negatives import (
    Mined,
    Teacher,
    best_count,
    scored_tuples,
    triplets,
    tuples,
    with_teacher,
)
from distilabel_rag4rag.export.pairs import answer_pairs, passage_pairs
from distilabel_rag4rag.export.passages import ExportedPassages
from distilabel_rag4rag.export.records import Record, records_of
from distilabel_rag4rag.schema import keep_column
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import counted, has_text, is_missing

FORMATS = {
    "pairs": "anchor (question) and positive (passage): MultipleNegativesRankingLoss",
    "answer_pairs": "anchor (question) and positive (answer): the published form",
    "triplets": "anchor, positive and negative, a row per negative: TripletLoss",
    "tuples": "anchor, positive and negative_1, negative_2, …: MultipleNegativesRankingLoss",
    "scores": "as tuples, and the scores of all passages: MarginMSELoss, DistillKLDivLoss",
    "beir": "corpus, queries and qrels: InformationRetrievalEvaluator, BEIR, MTEB",
    "lettucedetect": "answers and their unsupported spans: LettuceDetect's training of a judge",
}
ON_REQUEST = ("answer_pairs",)
WITH_NEGATIVES = ("triplets", "tuples", "scores")

EXPORT_FILE = "export.json"


@public
@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        folder: where.
        rows: format -> split -> rows.
        left_out: what was left out of the formats, by reason: rows, negatives, and for each
            format what it alone lacks.
        notes: what is unusual, in sentences.
        leaks: what stands in two splits; empty unless something is wrong.
    """

    folder: Path
    rows: dict[str, dict[str, int]]
    left_out: dict[str, dict[str, int]]
    notes: list[str]
    leaks: list[Leak] = field(default_factory=list)


class _Asked(NamedTuple):
    """A kept row: its question, the positions of its passages, the own one first, and negatives."""

    record: Record
    query: str
    positives: list[int]
    negatives: list[tuple[int, float | None]]


def export_training_data(
    rows: Any,
    passages: Any,
    out: str | Path,
    *,
    formats: Iterable[str] | None = None,
    checks: Sequence[str] | None = None,
    negatives: int | None = None,
    teacher: Teacher | None = None,
    near_duplicate: float = 0.8,
    language: str = "en",
    force: bool = False,
) -> Export:
    """Writes training and evaluation files, split into train, validation and test.

    Passages of one document, near-duplicates and overlapping chunks are in one split, and so are
    the same questions. No text of a validation or test document is in another split's files: such
    negatives are left out. The files are read again and checked (`check_export`).

    Args:
        rows: a list of dicts, a Dataset or a DataFrame with `id`, `question`, `context` or
            `passage_id`, and marks (`keep_row_after_…`). `answer`, `hallucinated_spans`,
            `negatives` with `negative_ids`, `negative_scores` and `positive_score`, and
            `further_positives` with `further_positive_ids` are used where they are.
        passages: the whole corpus, in the same forms: `passage_id`, `context`, and `document_id`,
            `title`, `start` and `end` where they are. Passages of rows that it lacks are added.
        out: a new or empty folder.
        formats: some of `FORMATS`; None: all for which the rows have columns, without
            `answer_pairs`.
        checks: the checks that a row must have passed, such as `["grounding"]`; None: all of
            which there is a mark; an empty list: none, so that every row is exported.
        negatives: negatives per row in `tuples` and `scores`; rows with fewer are left out of
            them. None: the number with which the file holds the most negatives.
        teacher: takes pairs of question and passage and gives a score for each, such as the
            `predict` of a CrossEncoder, for `scores`; None: the scores of the columns.
        near_duplicate: the least likeness of near-duplicates, see
            `data.duplicates.near_duplicate_groups`.
        language: of LettuceDetect's prompt.
        force: replace an earlier export in `out`.

    Returns:
        What was written and what was left out.

    Raises:
        ConfigError: if no row can be exported, a setting is wrong, or `out` holds something else.
    """
    folder = Path(out)
    _check_folder(folder, force)
    wanted = _wanted(formats)
    maker = _Maker(records_of(rows), records_of(passages), checks, near_duplicate)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        written: dict[str, dict[str, int]] = {}
        for name in wanted:
            if name in WITH_NEGATIVES:
                counts = maker.write_negatives(part / name, negatives, teacher)
            elif name == "lettucedetect":
                counts = maker.write_lettucedetect(part / name, language)
            else:
                counts = getattr(maker, f"write_{name}")(part / name)
            if counts:
                written[name] = counts
            elif formats is not None:
                raise ConfigError("formats", name, "a format for which the rows have columns")
            else:
                maker.notes.append(f"{name} is not written: no row has what it needs")
        maker.note_splits()
        left_out = {name: dict(+counts) for name, counts in maker.left_out.items() if +counts}
        write_card(part, {name: (FORMATS[name], counts) for name, counts in written.items()})
        leaks = check_export(part, near_duplicate)
        export = Export(folder, written, left_out, maker.notes, leaks)
        _write_json(part / EXPORT_FILE, export)
        part.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return export


def _check_folder(folder: Path, force: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / EXPORT_FILE).is_file():
        raise ConfigError("out", str(folder), "a new or empty folder")
    if not force:
        raise ConfigError(
            "out", str(folder), "a new or empty folder", "`force` replaces an earlier export."
        )


def _wanted(formats: Iterable[str] | None) -> list[str]:
    names = list(FORMATS) if formats is None else list(formats)
    if not names or (unknown := [name for name in names if name not in FORMATS]):
        raise ConfigError("formats", unknown if names else names, f"some of {list(FORMATS)}")
    return [name for name in names if formats is not None or name not in ON_REQUEST]


def _write_json(path: Path, export: Export) -> None:
    content = asdict(export)
    del content["folder"]
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


class _Maker:
    """The rows and passages of one export, and the functions that write each format."""

    def __init__(
        self,
        rows: list[Record],
        passages: list[Record],
        checks: Sequence[str] | None,
        near_duplicate: float,
    ) -> None:
        self.rows, self.notes = rows, []  # type: tuple[list[Record], list[str]]
        self.left_out: dict[str, Counter[str]] = defaultdict(Counter)
        self.passages = ExportedPassages(passages)
        known = len(self.passages.passages)
        own = [self.passages.find_or_add(row) for row in rows]
        if passages and (added := len(self.passages.passages) - known):
            self.notes.append(
                f"{counted(added, 'passage')} of rows are not among `passages` and were added to"
                " the corpus"
            )
        self.own = own
        self.asked = self._kept(checks)
        if not self.asked:
            raise ConfigError(
                "rows",
                f"{counted(len(rows), 'row')}, all left out: {dict(self.left_out['rows'])}",
                "at least one row that passed every check",
            )
        also = self._belong_together()
        self.groups = self.passages.groups(near_duplicate, also)
        names = [self.groups[asked.positives[0]] for asked in self.asked]
        (splits,) = split_rows([pa.table({"group": names})], ("group",))
        self.split_of_group = dict(zip(names, splits, strict=True))
        self.mined = {split: self._mined(split) for split in SPLITS}

    def _kept(self, checks: Sequence[str] | None) -> list[_Asked]:
        names = dict.fromkeys(name for row in self.rows for name in row)
        marks = marks_among(names) if checks is None else [keep_column(name) for name in checks]
        if missing := [name for name in marks if name not in names]:
            raise ConfigError("checks", missing, f"marks among {marks_among(names)}")
        if checks is None and not marks and self.rows:
            raise ConfigError(
                "checks",
                None,
                "rows with marks (`keep_row_after_…`)",
                "An empty list exports rows that were not checked.",
            )
        kept = []
        queries: dict[str, str] = {}
        for row, position in zip(self.rows, self.own, strict=True):
            reason = why_not_kept(row, marks)
            if reason is None and not has_text(row.get("question")):
                reason = "no question"
            if reason is None and position is None:
                reason = "no passage"
            if reason is not None or position is None:
                self.left_out["rows"][str(reason)] += 1
                continue
            query = queries.setdefault(normalised(row["question"]), self._query_id(row))
            further = self._found(row, "further_positive_ids", "further_positives")
            kept.append(_Asked(row, query, [position, *further], self._negatives(row)))
        return kept

    @staticmethod
    def _query_id(row: Record) -> str:
        given = row.get("id")
        return passage_id(row["question"]) if is_missing(given) else str(given)

    def _found(self, row: Record, ids: str, texts: str) -> list[int]:
        """The positions of the passages that two columns name, which are added where needed."""
        contexts = _list(row.get(texts))
        keys = _list(row.get(ids)) or [None] * len(contexts)
        pairs = zip(keys, contexts or [None] * len(keys), strict=True)
        found = [
            self.passages.find_or_add({"passage_id": key, "context": text}) for key, text in pairs
        ]
        return [position for position in found if position is not None]

    def _negatives(self, row: Record) -> list[tuple[int, float | None]]:
        found = self._found(row, "negative_ids", "negatives")
        scores = _list(row.get("negative_scores")) or [None] * len(found)
        if len(scores) != len(found):
            raise ConfigError(
                "rows",
                f"{len(found)} negatives and {len(scores)} negative_scores",
                "lists of equal length, of passages that have text",
            )
        return list(zip(found, scores, strict=True))

    def _belong_together(self) -> list[tuple[int, int]]:
        """Passages of the same question, also of rows that are not exported."""
        pairs = [(asked.positives[0], p) for asked in self.asked for p in asked.positives[1:]]
        first: dict[str, int] = {}
        for row, position in zip(self.rows, self.own, strict=True):
            if position is not None and has_text(row.get("question")):
                question = letters(row["question"]) or row["question"]
                pairs.append((first.setdefault(question, position), position))
        return pairs

    def split(self, position: int | None) -> str:
        """The split of a passage: that of its group's rows, or train."""
        return TRAIN if position is None else self.split_of_group.get(self.groups[position], TRAIN)

    def _of(self, split: str) -> list[_Asked]:
        return [asked for asked in self.asked if self.split(asked.positives[0]) == split]

    def _mined(self, split: str) -> list[Mined]:
        answers: dict[str, set[int]] = defaultdict(set)
        for asked in self.asked:
            answers[asked.query].update(asked.positives)
        elsewhere = {VALIDATION, TEST} - {split}
        rows = []
        for asked in self._of(split):
            kept = []
            for position, score in asked.negatives:
                if position in answers[asked.query]:
                    self.left_out["negatives"]["a positive of the same question"] += 1
                elif self.split(position) in elsewhere:
                    self.left_out["negatives"]["of a document of another split"] += 1
                else:
                    kept.append((position, score))
            own_score = asked.record.get("positive_score")
            scores: list[Any] = [own_score, *(score for _, score in kept)]
            known = not any(is_missing(score) for score in scores)
            texts = [self.passages.text(position) for position, _ in kept]
            for number, positive in enumerate(asked.positives):
                rows.append(
                    Mined(
                        str(asked.record["question"]),
                        self.passages.text(positive),
                        texts,
                        [float(s) for s in scores] if known and not number else None,
                    )
                )
        return rows

    def _table(self, asked: Iterable[_Asked]) -> pa.Table:
        """A row for each question and passage that answers it, once."""
        found: dict[tuple[str, int], tuple[Any, ...]] = {}
        for row in asked:
            for position in row.positives:
                values = (row.query, row.record["question"], self.passages.id(position))
                found.setdefault((row.query, position), (*values, self.passages.text(position)))
        columns = ("id", "question", "passage_id", "context")
        return _table(
            [dict(zip(columns, values, strict=True)) for values in found.values()], columns
        )

    def write_pairs(self, folder: Path) -> dict[str, int]:
        return _write(folder, {s: passage_pairs(self._table(self._of(s))) for s in SPLITS})

    def write_answer_pairs(self, folder: Path) -> dict[str, int]:
        parts = {}
        for split in SPLITS:
            records = [asked.record for asked in self._of(split)]
            answered = [row for row in records if has_text(row.get("answer"))]
            if without := len(records) - len(answered):
                self.left_out["answer_pairs"]["no answer"] += without
            parts[split] = answer_pairs(_table(answered, ("question", "answer")))
        return _write(folder, parts)

    def write_negatives(
        self, folder: Path, count: int | None, teacher: Teacher | None
    ) -> dict[str, int]:
        """`triplets`, `tuples` or `scores`, by the name of the folder."""
        name = folder.name
        if name == "triplets":
            return _write(folder, {s: triplets(rows) for s, rows in self.mined.items()})
        count = best_count(self.mined[TRAIN]) if count is None else count
        if not count:
            return {}
        self.left_out[name][f"fewer than {counted(count, 'negative')}"] = sum(
            len(row.negatives) < count for rows in self.mined.values() for row in rows
        )
        if name == "tuples":
            return _write(folder, {s: tuples(rows, count) for s, rows in self.mined.items()})
        enough = {s: [r for r in m if len(r.negatives) >= count] for s, m in self.mined.items()}
        if teacher is not None:
            enough = {split: with_teacher(rows, teacher) for split, rows in enough.items()}
        self.left_out[name]["no scores"] = sum(r.scores is None for m in enough.values() for r in m)
        return _write(folder, {s: scored_tuples(rows, count) for s, rows in enough.items()})

    def write_beir(self, folder: Path) -> dict[str, int]:
        passages = _table(self.passages.passages, ("passage_id", "title", "context"))
        corpus = [
            line | {"title": line["title"] or "", "metadata": _metadata(passage)}
            for line, passage in zip(
                beir.corpus(passages).to_pylist(), self.passages.passages, strict=True
            )
        ]
        pairs = {s: beir.qrels(self._table(self._of(s))).to_pylist() for s in SPLITS}
        queries = beir.queries(self._table(self.asked)).to_pylist()
        beir.write_beir(folder, corpus, queries, pairs)
        if problems := beir.check_beir(folder):
            raise ConfigError("rows", problems, "ids that are unique")
        return {split: len(lines) for split, lines in pairs.items() if lines}

    def write_lettucedetect(self, folder: Path, language: str) -> dict[str, int]:
        """Every judged answer, also of rows that were not kept: a judge learns from both."""
        samples = []
        counts: Counter[str] = Counter()
        for row, position in zip(self.rows, self.own, strict=True):
            spans = row.get("hallucinated_spans")
            judged = isinstance(spans, list) and not is_missing(row.get("hallucination_score", 0))
            if position is None or not judged or not has_text(row.get("answer")):
                continue
            if not has_text(row.get("question")):
                continue
            split = self.split(position)
            counts[split] += 1
            samples.append(
                training_sample(
                    row | {"context": self.passages.text(position)},
                    [(span["start"], span["end"]) for span in spans or ()],
                    split,
                    dataset="rag4rag",
                    language=language,
                    metadata={"id": self._query_id(row)},
                )
            )
        if samples:
            folder.mkdir()
            write_samples(samples, folder / "training.json")
        return {split: counts[split] for split in SPLITS if counts[split]}

    def note_splits(self) -> None:
        """Notes a split that has no rows."""
        for split in (VALIDATION, TEST):
            if not self._of(split):
                self.notes.append(
                    f"{split} has no rows: {counted(len(self.split_of_group), 'group')} of"
                    " documents that belong together are too few, or one of them is too large"
                )


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _table(rows: Sequence[Mapping[str, Any]], columns: Iterable[str]) -> pa.Table:
    """Columns of text, None where a row has none."""

    def text(value: Any) -> str | None:
        return None if is_missing(value) else str(value)

    return pa.table(
        {name: pa.array([text(row.get(name)) for row in rows], pa.string()) for name in columns}
    )


def _metadata(passage: Mapping[str, Any]) -> dict[str, Any]:
    """Where a passage stands; the same keys in every line, so that readers find one type."""
    document, start, end = (passage.get(name) for name in ("document_id", "start", "end"))
    return {
        "document_id": "" if is_missing(document) else str(document),
        "heading_path": [str(heading) for heading in _list(passage.get("heading_path"))],
        "start": None if is_missing(start) else int(start),  # type: ignore[arg-type]
        "end": None if is_missing(end) else int(end),  # type: ignore[arg-type]
    }


def _write(folder: Path, parts: Mapping[str, pa.Table]) -> dict[str, int]:
    """A parquet file for each split that has rows."""
    counts = {split: part.num_rows for split, part in parts.items() if part.num_rows}
    if counts:
        folder.mkdir()
    for split in counts:
        pq.write_table(parts[split], folder / f"{split}.parquet")
    return counts
