"""Detectors that only have LettuceDetect's `predict`: objects of a user's, LLMs behind a server."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import platformdirs
from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.steps.judging.detectors.items import Item, Verdict
from distilabel_rag4rag.steps.judging.detectors.spans import Span

#: Requests to a server that are under way at a time.
CONCURRENT_REQUESTS = 8


class OneByOne:
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


def remote_detector(method: str, model: str, lang: str, settings: dict[str, Any]) -> OneByOne:
    """LettuceDetect's detector that asks a server ("llm")."""
    from lettucedetect.detectors.factory import make_detector

    # LettuceDetect's default is a file in its own package's folder.
    cache = platformdirs.user_cache_path("distilabel-rag4rag") / "lettucedetect"
    name = re.sub(r"[^\w.-]", "_", f"{model}-{lang}-{settings.get('base_url', '')}.json")
    settings = {"cache_file": str(cache / name), "lang": lang, **settings}
    detector = make_detector(method, model=model, **settings)
    if detector.native:
        raise DistilabelUserError(
            f"model={model!r} is one of LettuceDetect's native generative models, whose unreadable "
            "replies would pass for clean verdicts; expected another LLM, or "
            "detector_kwargs={'native': False}"
        )
    _raise_on_unreadable_replies(detector)
    return OneByOne(detector, CONCURRENT_REQUESTS)


def _raise_on_unreadable_replies(detector: Any) -> None:
    """LettuceDetect logs a reply that it cannot use and returns no spans: a clean verdict.

    It catches ValueError and its like around `_parse_response`; another type passes through.
    """
    parse = detector._parse_response

    def parse_or_raise(raw: str) -> list[Any]:
        try:
            items: list[Any] = parse(raw)
        except (KeyError, TypeError, ValueError) as error:
            raise RuntimeError(f"the LLM's reply cannot be read: {error}") from error
        return items

    def located_or_raise(items: list[Any], answer: str, min_confidence: float = 0.0) -> list[Span]:
        spans: list[Span] = locate(items, answer, min_confidence)
        if not spans and any(_claims(item, min_confidence) for item in items):
            raise RuntimeError(f"the LLM names text that the answer does not hold: {items!r:.200}")
        return spans

    locate = detector._to_spans
    detector._parse_response, detector._to_spans = parse_or_raise, located_or_raise


def _claims(item: Any, min_confidence: float) -> bool:
    """Whether the LLM calls this part of the answer hallucinated, and surely enough."""
    if not isinstance(item, dict):
        return True
    confidence = item.get("confidence")
    sure = not isinstance(confidence, int | float) or confidence >= min_confidence
    return item.get("is_hallucination") is not False and sure


def _with_confidence(span: Span) -> Span:
    """A span without confidence (an LLM that was not asked for one) is a plain yes: 1.0."""
    confidence = span.get("confidence")
    return {**span, "confidence": 1.0 if confidence is None else confidence}
