"""Groups of passages that no split may cut: of one document, nearly the same, overlapping."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from distilabel_rag4rag.data.duplicates import letters, near_duplicate_groups
from distilabel_rag4rag.data.identity import passage_id
from distilabel_rag4rag.utils.text import has_text, is_missing

Passage = Mapping[str, Any]

DOCUMENT, NEAR_DUPLICATE, OVERLAP = KINDS = ("document", "near-duplicate", "overlap")

#: Letters that the end of one text and the beginning of another must share to be an overlap.
SHORTEST_OVERLAP = 40


class Tie(NamedTuple):
    """Two passages that belong together, by their positions, and why."""

    kind: str
    first: int
    second: int


def passage_groups(
    passages: Sequence[Passage],
    near_duplicate: float = 0.8,
    also: Iterable[tuple[int, int]] = (),
) -> list[str]:
    """For each passage the name of its group, which is the smallest `passage_id` in it.

    Passages are of one group if they are of one document, nearly the same or overlap, also by
    way of other passages. The order of the passages does not matter.

    Args:
        passages: with `context`; `passage_id`, `document_id` (else `title`), and `start` and
            `end`, the place in the document, are used where they are.
        near_duplicate: see `near_duplicate_groups`.
        also: further pairs of positions that belong together.
    """
    root = list(range(len(passages)))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for tie in find_ties(passages, near_duplicate):
        root[find(tie.first)] = find(tie.second)
    for first, second in also:
        root[find(first)] = find(second)
    names: dict[int, str] = {}
    for i, passage in enumerate(passages):
        own = id_of(passage)
        names[find(i)] = min(names.get(find(i), own), own)
    return [names[find(i)] for i in range(len(passages))]


def find_ties(passages: Sequence[Passage], near_duplicate: float = 0.8) -> Iterator[Tie]:
    """What ties the passages, as few ties of each kind as connect all that belong together.

    Args:
        passages, near_duplicate: as for `passage_groups`.
    """
    texts = [str(passage.get("context") or "") for passage in passages]
    documents: dict[Any, list[int]] = defaultdict(list)
    for i, passage in enumerate(passages):
        if (document := document_of(passage)) is not None:
            documents[document].append(i)
    for members in documents.values():
        yield from (Tie(DOCUMENT, members[0], i) for i in members[1:])
        yield from _overlapping_places(passages, members)
    firsts: dict[Any, int] = {}
    for i, passage in enumerate(passages):
        if (first := firsts.setdefault(id_of(passage), i)) != i:
            yield Tie(NEAR_DUPLICATE, first, i)
    for i, group in enumerate(near_duplicate_groups(texts, near_duplicate)):
        if group != i:
            yield Tie(NEAR_DUPLICATE, group, i)
    yield from (Tie(OVERLAP, i, j) for i, j in overlapping_texts(texts))


def document_of(passage: Passage) -> tuple[str, str] | None:
    """What names the document of a passage: its `document_id`, else its `title`."""
    for column in ("document_id", "title"):
        value = passage.get(column)
        if not is_missing(value) and str(value).strip():
            return column, " ".join(str(value).split())
    return None


def id_of(passage: Passage) -> str:
    """The `passage_id`, or the hash of the text where there is none."""
    given = passage.get("passage_id")
    return passage_id(str(passage.get("context") or "")) if is_missing(given) else str(given)


def place_of(passage: Passage) -> tuple[tuple[str, str], int, int] | None:
    """Document, `start` and `end` of a passage; None where one of them is not known."""
    document, start, end = document_of(passage), passage.get("start"), passage.get("end")
    if document is None or is_missing(start) or is_missing(end):
        return None
    return document, int(start), int(end)  # type: ignore[arg-type]


def passages_overlap(first: Passage, second: Passage) -> bool:
    """Whether two passages hold a stretch of text in common: by their places, or by their text."""
    one, other = place_of(first), place_of(second)
    if one and other and one[0] == other[0] and max(one[1], other[1]) < min(one[2], other[2]):
        return True
    return texts_overlap(first.get("context"), second.get("context"))


def texts_overlap(first: Any, second: Any) -> bool:
    """Whether one text holds the other, or the end of one is the beginning of the other.

    Letters and digits are compared; fewer than `SHORTEST_OVERLAP` are no overlap.
    """
    if not (has_text(first) and has_text(second)):
        return False
    one, other = letters(first), letters(second)
    return _continues(one, other) or _continues(other, one)


def overlapping_texts(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of texts that overlap (`texts_overlap`), by their positions.

    Time grows with the length of all texts together, also where many of them begin alike.
    """
    cleaned = [letters(text) for text in texts]
    long = [i for i, text in enumerate(cleaned) if len(text) >= SHORTEST_OVERLAP]
    yield from _beginnings_of_others(cleaned, long)
    beginnings: dict[str, list[int]] = defaultdict(list)
    for i in long:
        beginnings[cleaned[i][:SHORTEST_OVERLAP]].append(i)
    for i in long:
        text = cleaned[i]
        for start in range(1, len(text) - SHORTEST_OVERLAP + 1):
            for j in beginnings.get(text[start : start + SHORTEST_OVERLAP], ()):
                if i != j and _is_continued(text, start, cleaned[j]):
                    yield i, j


def _beginnings_of_others(texts: Sequence[str], which: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each text and the longest other one that it begins with: neighbours in sorted order."""
    open_: list[int] = []
    for i in sorted(which, key=lambda i: texts[i]):
        while open_ and not texts[i].startswith(texts[open_[-1]]):
            open_.pop()
        if open_:
            yield open_[-1], i
        open_.append(i)


def _continues(text: str, other: str) -> bool:
    """Whether the other begins within the text and goes on at least to the end of one of them."""
    beginning = other[:SHORTEST_OVERLAP]
    if len(beginning) < SHORTEST_OVERLAP:
        return False
    start = text.find(beginning)
    while start >= 0:
        if _is_continued(text, start, other):
            return True
        start = text.find(beginning, start + 1)
    return False


def _is_continued(text: str, start: int, other: str) -> bool:
    length = min(len(text) - start, len(other))
    return text[start : start + length] == other[:length]


def _overlapping_places(passages: Sequence[Passage], members: Sequence[int]) -> Iterator[Tie]:
    """Ties of the passages of one document whose places intersect."""
    places = sorted(
        (place[1], place[2], i) for i in members if (place := place_of(passages[i])) is not None
    )
    furthest, last = -1, -1
    for start, end, i in places:
        if last >= 0 and start < furthest:
            yield Tie(OVERLAP, last, i)
        if end > furthest:
            furthest, last = end, i
