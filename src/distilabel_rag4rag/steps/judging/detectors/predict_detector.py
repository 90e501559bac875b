"""Judging with anything that has LettuceDetect's `predict`: a user's object, an LLM on a server."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from distilabel_rag4rag.steps.judging.detectors.items import Item, Verdict
from distilabel_rag4rag.steps.judging.detectors.spans import Span


class PredictDetector:
    """Judges with a detector's `predict`, one row at a time; a row that raises fails alone.

    Args:
        detector: the object with `predict`.
        workers: threads that call it; more than one only for detectors that allow it.
    """

    def __init__(self, detector: Any, workers: int = 1) -> None:
        self.detector = detector
        self.workers = workers

    def judge(self, items: Sequence[Item]) -> list[Verdict]:
        """One verdict per item, in order; equal items are judged once."""
        unique = list(dict.fromkeys(items))
        if self.workers == 1:
            verdicts = [self._verdict(item) for item in unique]
        else:
            with ThreadPoolExecutor(self.workers) as pool:
                verdicts = list(pool.map(self._verdict, unique))
        by_item = dict(zip(unique, verdicts, strict=True))
        return [by_item[item] for item in items]

    def _verdict(self, item: Item) -> Verdict:
        try:
            spans = self.detector.predict(
                context=list(item.contexts),
                answer=item.answer,
                question=item.question,
                output_format="spans",
            )
            return Verdict([_with_confidence(span) for span in spans])
        except Exception as error:
            return Verdict([], failure=f"{type(error).__name__}: {error}")


def _with_confidence(span: Span) -> Span:
    """A span without confidence (an LLM that was not asked for one) gets 1.0."""
    confidence = span.get("confidence")
    return {**span, "confidence": 1.0 if confidence is None else confidence}
