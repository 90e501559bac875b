"""Judges and simpler checks on answers with labels."""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from distilabel_rag4rag.comparison.judge_quality import Verdicts
from distilabel_rag4rag.data.judge_labels import LabelledAnswer
from distilabel_rag4rag.data.word_support import word_support
from distilabel_rag4rag.data.words import sentences_of
from distilabel_rag4rag.errors import ConfigError, describe
from distilabel_rag4rag.models.by_name import make_embeddings
from distilabel_rag4rag.models.packaged import EMBEDDED
from distilabel_rag4rag.steps.judging.detectors.make_detector import is_batched
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge

#: The names of the two baselines.
WORDS, SIMILARITY = "words in the evidence", "embedding similarity"
#: The share of words from which on `MarkWordsSupported` lets an answer pass.
LEAST_WORDS = 0.8


def find_judge(name: str) -> Any:
    """What `LettuceDetectJudge` takes as its model.

    Args:
        name: "embedded", a folder, a Hub id, or `module:name` of an object with LettuceDetect's
            `predict` or of a class of such.

    Raises:
        ConfigError: if there is no such module, or no such name in it.
    """
    module, colon, attribute = name.partition(":")
    if not colon or "/" in module or "\\" in attribute:
        return name
    try:
        found = getattr(importlib.import_module(module), attribute)
        return found() if isinstance(found, type) else found
    except Exception as error:  # code of the user's
        raise ConfigError(
            "model", name, "module:name of an object with `predict`, or of a class of such that"
            " needs no arguments", f"{describe(error)}."
        ) from error  # fmt: skip


def judge_answers(
    answers: Sequence[LabelledAnswer],
    model: Any,
    threshold: float = 0.5,
    name: str | None = None,
    spans: bool = True,
    **settings: Any,
) -> Verdicts:
    """A judge's verdicts.

    A LettuceDetect model is asked for the largest probability of any token, which is the score, so
    that thresholds below 0.5 can be compared too; and again at the threshold for its spans, where
    labels say which spans are right. An object's score is its largest confidence.

    Args:
        answers: with labels.
        model: as `LettuceDetectJudge` takes it.
        threshold: from which on an answer is flagged.
        name: what the judge is called; None: the model's name.
        spans: whether spans are wanted.
        settings: further fields of `LettuceDetectJudge`.

    Raises:
        ConfigError: if it can judge none of the answers.
    """
    is_object = not is_batched(model, settings.get("method", "transformer"))
    name = name or (model if isinstance(model, str) else type(model).__name__)
    rows = [answer.row() for answer in answers]
    if is_object:
        first = _judged(rows, model=model, **settings)
    else:
        first = _judged(rows, model=model, **{**settings, "threshold": 0.0})
    reasons = [row["judge_reason"] for row in first if row["judge_reason"]]
    if len(reasons) == len(rows):
        raise ConfigError("model", name, "a judge that can judge the answers", f"{reasons[0]}.")
    scores = np.array(
        [np.nan if row["judge_reason"] else row["hallucination_score"] for row in first]
    )
    # As in a pipeline: tokens above the threshold form spans, and an object's score counts from it.
    flagged = scores >= threshold if is_object else scores > threshold
    found: list[list[tuple[int, int]]] | None = None
    if spans and any(answer.unsupported and answer.spans for answer in answers):
        at = first if is_object else _judged(rows, model=model, **settings, threshold=threshold)
        found = [
            [
                (span["start"], span["end"])
                for span in row["hallucinated_spans"]
                if span["confidence"] >= threshold or not is_object
            ]
            for row in at
        ]
    return Verdicts(
        judge=name,
        scores=scores,
        flagged=flagged,
        spans=found,
        failed=len(reasons),
        reason=reasons[0] if reasons else None,
    )


def _judged(rows: Sequence[dict[str, Any]], **settings: Any) -> list[dict[str, Any]]:
    judge = LettuceDetectJudge(**settings)
    judge.load()
    try:
        outputs: list[dict[str, Any]] = next(judge.process([dict(row) for row in rows]))
    finally:
        judge.unload()
    return outputs


def words_supported(answers: Sequence[LabelledAnswer], language: str = "en") -> Verdicts:
    """The first baseline: the share of an answer's content words that its evidence lacks.

    It flags what `MarkWordsSupported` does not let pass. An answer without content words has the
    score 0.
    """
    found = [
        word_support(answer.answer, answer.contexts, answer.question or "", language)
        for answer in answers
    ]
    scores = [0.0 if one.share is None else 1 - one.share for one in found]
    flagged = [one.reason(LEAST_WORDS) is not None for one in found]
    return Verdicts(WORDS, np.array(scores), np.array(flagged))


def similar_to_evidence(answers: Sequence[LabelledAnswer], embeddings: str = EMBEDDED) -> Verdicts:
    """The second baseline: how far an answer is from the nearest sentence of its evidence.

    It has no threshold of its own.
    """
    embedder = make_embeddings(embeddings)
    embedder.load()
    parts = [
        [part.strip() for text in answer.contexts for part in sentences_of(text) if part.strip()]
        for answer in answers
    ]
    texts = list(dict.fromkeys([a.answer for a in answers] + [p for own in parts for p in own]))
    vectors = np.asarray(embedder.encode(texts), dtype=float)
    embedder.unload()
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    place = {text: number for number, text in enumerate(texts)}
    scores = [
        1 - float(np.max(vectors[[place[p] for p in own]] @ vectors[place[answer.answer]]))
        if own
        else np.nan
        for answer, own in zip(answers, parts, strict=True)
    ]
    return Verdicts(SIMILARITY, np.array(scores))
