"""What this package overrides or calls of LettuceDetect that is not public.

Read in LettuceDetect 0.2.3.
"""

from collections.abc import Sequence
from functools import cache
from string import Template
from typing import Any

from lettucedetect.detectors.llm import LLMDetector
from lettucedetect.detectors.prompt_utils import LANG_TO_PASSAGE, PromptUtils
from lettucedetect.detectors.transformer import TransformerDetector

from distilabel_rag4rag.steps.judging.detectors.spans import Span


def format_prompt(contexts: Sequence[str], question: str | None, lang: str) -> str:
    """LettuceDetect's `PromptUtils.format_context`, which reads a file for every prompt."""
    word = LANG_TO_PASSAGE[lang]
    lines = "\n".join(f"{word} {number}: {text}" for number, text in enumerate(contexts, start=1))
    if question is None:
        return _template(f"summary_prompt_{lang.lower()}.txt").substitute(text=lines)
    template = _template(f"qa_prompt_{lang.lower()}.txt")
    return template.substitute(question=question, num_passages=len(contexts), context=lines)


@cache
def _template(file: str) -> Template:
    template: Template = PromptUtils.load_prompt(file)
    return template


class TokenClassifier(TransformerDetector):
    """LettuceDetect's token classifier, with its grouping of passages."""

    def group_passages(
        self, passages: list[str], question: str | None, answer: str
    ) -> list[list[str]]:
        """Groups of consecutive passages that each fit the window, if a passage alone does."""
        groups: list[list[str]] = self._group_passages_into_chunks(passages, question, answer)
        return groups


class StrictLLMDetector(LLMDetector):
    """LettuceDetect's LLM detector, but an unusable reply is an error.

    `LLMDetector` logs such a reply and returns no spans, which would count as a supported answer.
    It catches ValueError and the like around `_parse_response`, so this raises RuntimeError.
    """

    @staticmethod
    def _parse_response(raw: str) -> list[Any]:
        try:
            items: list[Any] = LLMDetector._parse_response(raw)
        except (KeyError, TypeError, ValueError) as error:
            raise RuntimeError(f"the LLM's reply cannot be read: {error}") from error
        return items

    @staticmethod
    def _to_spans(items: list[Any], answer: str, min_confidence: float = 0.0) -> list[Span]:
        spans: list[Span] = LLMDetector._to_spans(items, answer, min_confidence)
        if not spans and any(_claims_hallucination(item, min_confidence) for item in items):
            raise RuntimeError(f"the LLM names text that the answer does not hold: {items!r:.200}")
        return spans


def _claims_hallucination(item: Any, min_confidence: float) -> bool:
    if not isinstance(item, dict):
        return True
    confidence = item.get("confidence")
    sure = not isinstance(confidence, int | float) or confidence >= min_confidence
    return item.get("is_hallucination") is not False and sure
