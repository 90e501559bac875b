"""Spans of an answer: token margins in, what people read out. Pure functions.

A span is a dict with `start`, `end` (code points), `text` and `confidence`, as LettuceDetect
gives them, and whatever keys a detector adds (`category`, …).
"""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from operator import index
from typing import Any

from distilabel_rag4rag.utils.scripts import UNSPACED

Span = dict[str, Any]

SOFT_HYPHEN = "\u00ad"


def sigmoid(margin: float) -> float:
    """The probability that belongs to a margin (difference of the two logits)."""
    if margin >= 0:
        return 1.0 / (1.0 + math.exp(-margin))
    odds = math.exp(margin)
    return odds / (1.0 + odds)


def logit(probability: float) -> float:
    """The margin that belongs to a probability; infinite at 0 and 1."""
    if probability <= 0.0:
        return -math.inf
    if probability >= 1.0:
        return math.inf
    return math.log(probability / (1.0 - probability))


def token_spans(
    answer: str,
    offsets: Sequence[tuple[int, int]],
    margins: Sequence[float],
    threshold: float = 0.5,
) -> list[Span]:
    """Runs of tokens whose probability is above the threshold, as LettuceDetect builds them.

    Comparing margins rather than rounded probabilities makes 0.5 exactly LettuceDetect's argmax.
    A span's confidence is the largest probability of its tokens.
    """
    cut = logit(threshold)
    runs: list[list[float]] = []
    open_run = False
    for (start, end), margin in zip(offsets, margins, strict=True):
        if start == end:  # a token that covers no text neither opens nor closes a span
            continue
        flagged = margin > cut
        if flagged and open_run:
            runs[-1][1], runs[-1][2] = end, max(runs[-1][2], margin)
        elif flagged:
            runs.append([start, end, margin])
        open_run = flagged
    return [_span(answer, int(start), int(end), sigmoid(margin)) for start, end, margin in runs]


def tidy(
    answer: str,
    spans: Iterable[Span],
    *,
    widen: bool = False,
    merge: bool = False,
    min_confidence: float = 0.0,
) -> list[Span]:
    """Spans for people: trimmed, in order, without overlap, each text cut from the answer.

    Args:
        answer: the text that the spans index into.
        spans: the detector's spans.
        widen: widen a span that begins or ends inside a word to the whole word.
        merge: join spans with nothing but punctuation or white space between them.
        min_confidence: leave out spans below it, before anything is joined.

    Raises:
        ValueError: if a span lies outside the answer, or a confidence outside [0, 1].
        TypeError: if an offset is no whole number.
    """
    spans = list(spans)
    for span in spans:
        if not 0.0 <= span["confidence"] <= 1.0:
            raise ValueError(f"confidence {span['confidence']} lies outside [0, 1]")
    kept = (span for span in spans if span["confidence"] >= min_confidence)
    tidied: list[Span] = []
    trimmed = sorted((_trim(answer, span) for span in kept), key=lambda span: span["start"])
    for span in (_widen(answer, span) if widen else span for span in trimmed):
        if span["start"] == span["end"]:  # nothing but white space
            continue
        if tidied and _belongs(answer, tidied[-1], span, merge):
            last = tidied[-1]
            end, confidence = max(last["end"], span["end"]), _larger(last, span)
            tidied[-1] = {**last, **_span(answer, last["start"], end, confidence)}
        else:
            tidied.append(span)
    return tidied


def _span(answer: str, start: int, end: int, confidence: float) -> Span:
    return {"start": start, "end": end, "text": answer[start:end], "confidence": confidence}


def _larger(one: Span, other: Span) -> float:
    return max(one["confidence"], other["confidence"])


def _trim(answer: str, span: Span) -> Span:
    start, end = index(span["start"]), index(span["end"])
    if not 0 <= start <= end <= len(answer):
        raise ValueError(f"span {start}:{end} lies outside the answer of {len(answer)} characters")
    while start < end and answer[start].isspace():
        start += 1
    while start < end and answer[end - 1].isspace():
        end -= 1
    return {**span, **_span(answer, start, end, float(span["confidence"]))}


def _widen(answer: str, span: Span) -> Span:
    start, end = span["start"], span["end"]
    while _inside_a_word(answer, start):
        start -= 1
    while _inside_a_word(answer, end):
        end += 1
    return {**span, **_span(answer, start, end, span["confidence"])}


def _inside_a_word(answer: str, place: int) -> bool:
    return 0 < place < len(answer) and all(map(_of_a_word, answer[place - 1 : place + 1]))


def _of_a_word(character: str) -> bool:
    """A letter or a digit, or what stands on or in one.

    Without spaces a run of letters is a sentence rather than a word, and is not widened to.
    """
    if UNSPACED.match(character):
        return False
    mark = unicodedata.category(character).startswith("M")
    return character.isalnum() or mark or character == SOFT_HYPHEN


def _belongs(answer: str, last: Span, span: Span, merge: bool) -> bool:
    """Spans that overlap are one (byte-level tokens can flag halves of one character)."""
    if span["start"] < last["end"]:
        return True
    gap = answer[last["end"] : span["start"]]
    return merge and all(
        character.isspace() or unicodedata.category(character).startswith("P") for character in gap
    )
