"""What is judged and what comes of it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from distilabel_rag4rag.steps.judging.detectors.spans import Span


class Item(NamedTuple):
    """What is judged; without a question LettuceDetect's summary prompt is used."""

    contexts: tuple[str, ...]
    answer: str
    question: str | None = None


class Verdict(NamedTuple):
    """Spans as LettuceDetect's `predict` gives them, or why there is no verdict."""

    spans: list[Span]
    truncated: bool = False
    failure: str | None = None


def item_or_reason(row: dict[str, Any]) -> Item | str:
    """What to judge in a row, or why there is nothing to judge."""
    answer, question = row["answer"], row.get("question")
    abstained = row.get("abstained")
    if isinstance(abstained, bool | np.bool_) and abstained:
        return "abstained"
    if _is_missing(answer):
        return "no answer"
    if not isinstance(answer, str):
        return f"judge failed: answer is a {type(answer).__name__}, expected a str"
    if not answer.strip():
        return "empty answer"
    contexts = row["contexts"]
    if isinstance(contexts, str) or _is_missing(contexts):
        contexts = [contexts]
    if isinstance(contexts, Mapping) or not isinstance(contexts, Iterable):
        return f"judge failed: contexts is a {type(contexts).__name__}, expected a str or a list"
    given = [text for text in contexts if not _is_missing(text)]
    if strange := [type(text).__name__ for text in given if not isinstance(text, str)]:
        return f"judge failed: contexts holds a {strange[0]}, expected str"
    passages = tuple(str(text) for text in given if text.strip())
    if not passages:
        return "no evidence"
    asked = isinstance(question, str) and question.strip()
    return Item(passages, str(answer), str(question) if asked else None)


def _is_missing(value: Any) -> bool:
    """None, or what pandas says instead of it."""
    return pd.isna(value) is True
