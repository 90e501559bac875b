"""Whether two texts are one passage: equal, one in the other, or nearly the same.

Texts are compared by their letters and digits alone, in lower case: white space, line breaks,
punctuation and markup are what differs when the same passage comes from two files.
"""

import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from datasketch import MinHash, MinHashLSH

#: Texts with fewer letters are the same only if they are equal: "See above" is in many texts.
SHORTEST = 20
#: Letters on one side of the answer that stand in the passage too, so that the same words in
#: another place are not taken for the answer's own.
REACH = 40
#: The share of a text's runs of `RUN` letters that a nearly identical text holds.
NEARLY_ALL = 0.8
RUN = 12
#: The share of a text that a passage must hold in one piece, to be its passage where no answer
#: says which part is meant.
MOST = 0.5
#: Passages that are compared letter by letter, of all that share a run of letters with a text.
CANDIDATES = 32

_NO_LETTER = re.compile(r"[\W_]+")


@lru_cache(10_000)
def letters(text: str) -> str:
    """The letters and digits of a text in lower case."""
    return _NO_LETTER.sub("", unicodedata.normalize("NFKC", text).casefold())


def holds_source(passage: str, source: str, answers: Iterable[str] = ()) -> bool:
    """Whether a passage of a corpus is the source passage of a question, or holds it.

    That is so where the passage holds the source's letters, perhaps with a title before them.
    Else, where an answer stands in the source, the passage must hold it, with the letters beside
    it or nearly all of the source. Without an answer it must hold nearly all of the source, or
    more than half of it in one piece.

    Args:
        passage: a passage of a corpus.
        source: the passage that the question was asked about.
        answers: answers that people gave to the question.
    """
    return _match(letters(passage), letters(source), _answers(source, answers)) > 0


class PassageFinder:
    """Finds the passages of a corpus that hold a text, by the letters that they share.

    Every passage is cut into short runs of letters; a text's passages are among those that share
    one of its rarer runs. Texts that have `2 * run - 1` letters in a row in common are found.
    """

    def __init__(self, passages: Sequence[str]) -> None:
        self._passages = passages
        # Longer runs for a large corpus: the table takes 8 bytes for each.
        self._run = 8 if len(passages) <= 200_000 else 32
        hashes, positions = [], []
        for position, passage in enumerate(passages):
            own = self._hashes(letters.__wrapped__(passage), self._run)
            hashes.append(own)
            positions.append(np.full(len(own), position, np.uint32))
        joined = np.concatenate([np.empty(0, np.uint32), *hashes])
        order = np.argsort(joined, kind="stable")
        self._known = joined[order]
        self._positions = np.concatenate([np.empty(0, np.uint32), *positions])[order]

    def find(self, source: str, answers: Iterable[str] = ()) -> list[int]:
        """The positions of the passages that hold the source (`holds_source`), the best ones.

        Where some hold all of it, those that hold a part do not count.
        """
        text, stated = letters(source), _answers(source, answers)
        found = {p: letters(self._passages[p]) for p in self._candidates(text)}
        if whole := [p for p, passage in found.items() if _holds_all(passage, text)]:
            return sorted(whole)
        matches = {p: _match(passage, text, stated) for p, passage in found.items()}
        best = max(matches.values(), default=0.0)
        return sorted(p for p, match in matches.items() if 0 < match >= best - 0.01)

    def _candidates(self, text: str) -> list[int]:
        """Passages that share runs with the text, those with the rarest first."""
        runs = np.unique(self._hashes(text, 1))
        first = np.searchsorted(self._known, runs, "left")
        counts = np.searchsorted(self._known, runs, "right") - first
        order = np.argsort(counts, kind="stable")
        order = order[counts[order] > 0]
        few = order[np.cumsum(counts[order]) <= 100 * CANDIDATES]
        if not len(few):
            few = order[:1]
        weights: dict[int, float] = {}
        for start, count in zip(first[few].tolist(), counts[few].tolist(), strict=True):
            for position in self._positions[start : start + min(count, 100 * CANDIDATES)].tolist():
                weights[position] = weights.get(position, 0.0) + 1 / count
        return sorted(weights, key=lambda position: (-weights[position], position))[:CANDIDATES]

    def _hashes(self, text: str, step: int) -> npt.NDArray[np.uint32]:
        runs = (text[i : i + self._run] for i in range(0, len(text) - self._run + 1, step))
        return np.fromiter((zlib.crc32(run.encode()) for run in runs), np.uint32)


def near_duplicate_groups(texts: Sequence[str], threshold: float = 0.8) -> list[int]:
    """For each text the number of its group; texts of one group are nearly the same.

    Groups are linked: a text belongs to the group of any text that it resembles. They are found
    by MinHash, so that time grows with the number of texts, and confirmed by counting.

    Args:
        texts: any texts; one without letters is a group of its own.
        threshold: the least share of runs of letters that two texts have in common, of all
            the runs of both (Jaccard).
    """
    # Hashes of the runs: the runs themselves would take a hundred times the memory of the texts.
    hashes = [_run_hashes(letters.__wrapped__(text)) for text in texts]
    lsh = MinHashLSH(threshold=max(0.1, threshold - 0.1), num_perm=128)
    empty = MinHash(num_perm=128, seed=1, hashfunc=int)
    group = list(range(len(texts)))

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    for i, own in enumerate(hashes):
        if not len(own):
            continue
        minhash = empty.copy()  # the permutations take as long as the rest
        minhash.update_batch(own.tolist())
        for j in lsh.query(minhash):
            if root(i) != root(j) and _jaccard(own, hashes[j]) >= threshold:
                a, b = sorted((root(i), root(j)))
                group[b] = a
        lsh.insert(i, minhash)
    return [root(i) for i in range(len(texts))]


#: Odd numbers by which the letters of a run are multiplied; the upper half of the sum is its hash.
_FACTORS = np.random.default_rng(0).integers(0, 2**64, RUN, np.uint64) | np.uint64(1)


def _run_hashes(text: str) -> npt.NDArray[np.uint32]:
    """Hashes of all runs of letters, each once."""
    if len(text) < RUN:
        return np.array([zlib.crc32(text.encode())] if text else [], np.uint32)
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)
    runs = np.lib.stride_tricks.sliding_window_view(codes, RUN)
    return np.unique(((runs * _FACTORS).sum(1, dtype=np.uint64) >> np.uint64(32)).astype(np.uint32))


def _jaccard(first: npt.NDArray[np.uint32], second: npt.NDArray[np.uint32]) -> float:
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / (len(first) + len(second) - common)


class _Answer(NamedTuple):
    """The letters of an answer, and those with the letters beside each of its places."""

    text: str
    beside: list[str]


def _answers(source: str, answers: Iterable[str]) -> list[_Answer]:
    """Those answers that stand in the source."""
    text = letters(source)
    found = []
    for answer in answers:
        own = letters(answer)
        if not own or own not in text:
            continue
        # As whole words first: "no" also stands in "nothing".
        words = re.finditer(rf"(?<!\w){re.escape(answer.strip())}(?!\w)", source, re.IGNORECASE)
        starts = [len(letters.__wrapped__(source[: word.start()])) for word in words]
        starts = starts or [place.start() for place in re.finditer(re.escape(own), text)]
        found.append(_Answer(own, _beside(text, starts, len(own))))
    return found


def _beside(text: str, starts: list[int], length: int) -> list[str]:
    before = [text[start - REACH : start + length] for start in starts if start >= REACH]
    ends = [start + length for start in starts]
    after = [text[end - length : end + REACH] for end in ends if end + REACH <= len(text)]
    return before + after


def _holds_all(passage: str, source: str) -> bool:
    return bool(source) and (passage == source or (len(source) >= SHORTEST and source in passage))


def _match(passage: str, source: str, answers: Sequence[_Answer]) -> float:
    """The share of a source that a passage holds; 0 where it is not the source's passage."""
    if _holds_all(passage, source):
        return 1.0
    if min(len(passage), len(source)) < SHORTEST:
        return 0.0
    if not any(source[i : i + RUN] in passage for i in range(0, len(source) - RUN + 1, RUN)):
        return 0.0  # the rest costs a hundred times as much
    share, piece = _overlap(passage, source)
    if answers:
        if not any(answer.text in passage for answer in answers):
            return 0.0
        if any(part in passage for answer in answers for part in answer.beside):
            return 1.0
        return share * (share >= NEARLY_ALL)
    return max(share, piece) * (share >= NEARLY_ALL or piece > MOST)


def _overlap(passage: str, text: str) -> tuple[float, float]:
    """The shares of the text's runs that the passage holds: in all, and in the longest piece."""
    runs = _runs(passage)
    held = [text[i : i + RUN] in runs for i in range(max(1, len(text) - RUN + 1))]
    longest = current = 0
    for one in held:
        current = current + 1 if one else 0
        longest = max(longest, current)
    return sum(held) / len(held), longest / len(held)


def _runs(text: str) -> set[str]:
    """All runs of letters, or the text itself where it is shorter than one."""
    if len(text) < RUN:
        return {text} if text else set()
    return {text[i : i + RUN] for i in range(len(text) - RUN + 1)}
