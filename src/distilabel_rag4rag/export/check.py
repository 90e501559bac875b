"""Whether something of the validation or test files stands in the files of another split."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from distilabel_rag4rag.data.duplicates import letters
from distilabel_rag4rag.data.groups import (
    DOCUMENT,
    NEAR_DUPLICATE,
    OVERLAP,
    SHORTEST_OVERLAP,
    Passage,
    find_ties,
)
from distilabel_rag4rag.data.identity import normalised
from distilabel_rag4rag.data.splits import SPLITS, TEST, VALIDATION
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.export import beir
from distilabel_rag4rag.export.lettucedetect import SPLIT_NAMES

QUESTION, PASSAGE = "question", "passage"
#: What can stand in two splits.
LEAKS = (QUESTION, PASSAGE, DOCUMENT, NEAR_DUPLICATE, OVERLAP)


class Leak(NamedTuple):
    """Something of a held-out split that stands in another one too.

    Attributes:
        kind: one of `LEAKS`.
        held_out: "validation" or "test".
        other: the split in which it stands too.
        text: the question, or the passage that is asked about in the held-out split.
        other_text: the same, or what it belongs together with.
    """

    kind: str
    held_out: str
    other: str
    text: str
    other_text: str


@dataclass
class _Used:
    """What the files of one split hold: questions, passages that answer them, all passages."""

    questions: dict[str, str]
    answers: set[int]
    passages: set[int]


def check_export(folder: str | Path, near_duplicate: float = 0.8) -> list[Leak]:
    """Reads the files of an export and finds what stands in two splits.

    Looked for are the same question, the same passage, passages of one document, near-duplicates
    and overlapping passages: of those that are asked about in validation or test, and all that
    another split's files hold. The corpus, which all splits search, is no leak. Documents and
    places are those of the corpus in BEIR's form, where it is there; texts are compared anyway.

    Args:
        folder: of an export, or any with `<format>/<split>.parquet`, a folder in BEIR's form or
            both.
        near_duplicate: see `data.duplicates.near_duplicate_groups`.

    Returns:
        One leak for each group of passages and pair of splits.

    Raises:
        ConfigError: if the folder holds no such files.
    """
    found = _Files(Path(folder))
    if not found.splits:
        raise ConfigError(None, str(folder), "a folder with files of training data")
    return [*_same_questions(found), *_same_passages(found, near_duplicate)]


class _Files:
    """The texts of all files, by split."""

    def __init__(self, folder: Path) -> None:
        self.passages: list[Passage] = []
        self._by_text: dict[str, list[int]] = defaultdict(list)
        self._by_id: dict[str, int] = {}
        self.splits: dict[str, _Used] = {}
        for name in (folder / "beir", folder):
            if (name / beir.CORPUS_FILE).is_file():
                self._read_beir(name)
        for path in sorted(folder.glob("*/*.parquet")):
            if path.stem in SPLITS:
                self._read_parquet(path)
        for path in sorted(folder.glob("lettucedetect/*.json")):
            self._read_lettucedetect(path)

    def _split(self, name: str) -> _Used:
        return self.splits.setdefault(name, _Used({}, set(), set()))

    def _add(self, passage: Passage) -> int:
        self.passages.append(passage)
        self._by_text[normalised(passage["context"])].append(len(self.passages) - 1)
        return len(self.passages) - 1

    def _find(self, text: str) -> list[int]:
        """All passages with this text; a short one that the corpus lacks is an answer."""
        known = self._by_text.get(normalised(text))
        if known is None and len(letters(text)) >= SHORTEST_OVERLAP:
            return [self._add({"context": text})]
        return known or []

    def _ask(self, split: str, question: str) -> None:
        self._split(split).questions.setdefault(letters(question) or question, question)

    def _read_beir(self, folder: Path) -> None:
        for line in beir.read_lines(folder / beir.CORPUS_FILE):
            metadata = line.get("metadata") or {}
            passage = {
                "passage_id": str(line["_id"]),
                "title": line.get("title"),
                "context": str(line.get("text") or ""),
                **{name: metadata.get(name) for name in ("document_id", "start", "end")},
            }
            self._by_id[str(line["_id"])] = self._add(passage)
        questions = {
            str(q["_id"]): str(q["text"]) for q in beir.read_lines(folder / beir.QUERIES_FILE)
        }
        for split, pairs in beir.read_qrels(folder).items():
            for query, passage_id, score in pairs:
                if query in questions:
                    self._ask(split, questions[query])
                if score > 0 and passage_id in self._by_id:
                    self._split(split).answers.add(self._by_id[passage_id])
                    self._split(split).passages.add(self._by_id[passage_id])

    def _read_parquet(self, path: Path) -> None:
        table = pq.read_table(path)
        used = self._split(path.stem)
        for name in table.column_names:
            values = {value for value in table[name].to_pylist() if isinstance(value, str)}
            for text in sorted(values):
                if name == "anchor":
                    self._ask(path.stem, text)
                    continue
                used.passages.update(self._find(text))
                if name == "positive":
                    used.answers.update(self._find(text))

    def _read_lettucedetect(self, path: Path) -> None:
        names = {theirs: ours for ours, theirs in SPLIT_NAMES.items()}
        for sample in json.loads(path.read_text("utf-8")):
            split = names[sample["split"]]
            self._ask(split, sample["question"])
            positions = self._find(sample["context"])
            self._split(split).answers.update(positions)
            self._split(split).passages.update(positions)


def _pairs(found: _Files) -> Iterator[tuple[str, _Used, str, _Used]]:
    """Each held-out split with each other one."""
    for held_out in (VALIDATION, TEST):
        for other in found.splits:
            if held_out in found.splits and other != held_out:
                yield held_out, found.splits[held_out], other, found.splits[other]


def _same_questions(found: _Files) -> Iterator[Leak]:
    for held_out, mine, other, theirs in _pairs(found):
        if (other, held_out) == (VALIDATION, TEST):
            continue  # the same question is the same leak from either side
        for key in sorted(mine.questions.keys() & theirs.questions.keys()):
            yield Leak(QUESTION, held_out, other, mine.questions[key], theirs.questions[key])


def _same_passages(found: _Files, near_duplicate: float) -> Iterator[Leak]:
    used = sorted(set().union(*(split.passages for split in found.splits.values())))
    texts = [str(found.passages[position]["context"]) for position in used]
    groups = _groups([found.passages[position] for position in used], near_duplicate)
    for held_out, mine, other, theirs in _pairs(found):
        for kind, members in groups:
            asked = [n for n in members if used[n] in mine.answers]
            in_other = [n for n in members if used[n] in theirs.passages]
            if kind != PASSAGE:  # one that is in both is a leak of that kind
                in_other = [n for n in in_other if n not in asked]
            if asked and in_other:
                yield Leak(kind, held_out, other, texts[asked[0]], texts[in_other[0]])


def _groups(passages: list[Passage], near_duplicate: float) -> list[tuple[str, list[int]]]:
    """Kind and members of all groups, by each kind alone; each passage is a group too."""
    edges: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for kind, first, second in find_ties(passages, near_duplicate):
        edges[kind].append((first, second))
    groups: list[tuple[str, list[int]]] = [(PASSAGE, [n]) for n in range(len(passages))]
    for kind in (DOCUMENT, NEAR_DUPLICATE, OVERLAP):
        groups += [(kind, members) for members in _connected(len(passages), edges[kind])]
    return groups


def _connected(count: int, edges: list[tuple[int, int]]) -> list[list[int]]:
    """The sets of numbers that edges connect."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not edges:
        return []
    ends: Any = tuple(zip(*edges, strict=True))
    graph = coo_array(([1] * len(edges), ends), shape=(count, count))
    labels = connected_components(graph, directed=False)[1].tolist()
    members = defaultdict(list)
    for number in sorted({number for edge in edges for number in edge}):
        members[labels[number]].append(number)
    return list(members.values())
