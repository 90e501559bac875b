"""Whether a candidate holds the accepted answer, by one of several tests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from distilabel_rag4rag.steps.judging.detectors.items import Item
from distilabel_rag4rag.steps.judging.detectors.make_detector import make_detector
from distilabel_rag4rag.steps.negatives.answer_evidence import (
    as_claim,
    holds_string,
    holds_words,
)
from distilabel_rag4rag.steps.retrieval.source_passages import human_answers
from distilabel_rag4rag.utils.text import has_text, replace_surrogates

Check = Literal["answer_string", "answer_words", "judge", "judge_claim", "none"]


class Candidate(NamedTuple):
    """A passage that may hold one of the answers."""

    question: str
    answers: tuple[str, ...]
    passage: str


#: For each candidate whether it holds an answer; None where that could not be decided.
EvidenceCheck = Callable[[Sequence[Candidate]], list[bool | None]]


def make_check(name: Check, judge: str, **settings: Any) -> EvidenceCheck:
    """The test of this name.

    Args:
        name: see `MineHardNegatives`.
        judge: the model of the judge, which is loaded for its tests only.
        settings: further ones of `make_detector`.
    """
    if name == "answer_string":
        return lambda found: [holds_string(c.passage, c.answers) for c in found]
    if name == "answer_words":
        return lambda found: [holds_words(c.passage, c.answers, c.question) for c in found]
    if name == "none":
        return lambda found: [False] * len(found)
    detector = make_detector(judge, method="transformer", lang="en", detector_kwargs={}, **settings)

    def check(found: Sequence[Candidate]) -> list[bool | None]:
        """The first answer: the accepted one, else a person's."""
        verdicts = detector.judge([_item(c, claim=name == "judge_claim") for c in found])
        return [None if v.failure is not None else not v.spans for v in verdicts]

    return check


def answers_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The accepted answer, and those of people."""
    own = row.get("answer")
    return tuple(dict.fromkeys([*([own] if has_text(own) else []), *human_answers(row)]))


def _item(candidate: Candidate, claim: bool) -> Item:
    question, passage, answer = map(
        replace_surrogates, (candidate.question, candidate.passage, candidate.answers[0])
    )
    return Item((passage,), as_claim(question, answer) if claim else answer, question)
