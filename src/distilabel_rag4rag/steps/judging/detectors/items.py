"""What is judged and what comes of it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from distilabel_rag4rag.schema import ABSTAINED
from distilabel_rag4rag.steps.judging.detectors.spans import Span
from distilabel_rag4rag.utils.text import has_text, is_missing, replace_surrogates


class Item(NamedTuple):
    """What is judged; without a question LettuceDetect's summary prompt is used."""

    contexts: tuple[str, ...]
    answer: str
    question: str | None = None


class Verdict(NamedTuple):
    """Spans as LettuceDetect's `predict` gives them, or why there is no verdict.

    `windows` is how many windows all the evidence takes, None where the detector does not say.
    """

    spans: list[Span]
    truncated: bool = False
    windows: int | None = None
    failure: str | None = None


def item_or_reason(row: dict[str, Any]) -> Item | str:
    """What to judge in a row, or why there is nothing to judge.

    Lone surrogates, which no tokenizer takes, are replaced one by one, so that offsets into the
    item's answer are offsets into the row's.
    """
    answer, question = row["answer"], row.get("question")
    abstained = row.get("abstained")
    if isinstance(abstained, bool | np.bool_) and abstained:
        return ABSTAINED
    if is_missing(answer):
        return "no answer"
    if not isinstance(answer, str):
        return f"judge failed: answer is a {type(answer).__name__}, expected a str"
    if not has_text(answer):
        return "empty answer"
    contexts = row["contexts"]
    if isinstance(contexts, str) or is_missing(contexts):
        contexts = [contexts]
    if isinstance(contexts, Mapping) or not isinstance(contexts, Iterable):
        return f"judge failed: contexts is a {type(contexts).__name__}, expected a str or a list"
    given = [text for text in contexts if not is_missing(text)]
    if wrong := [type(text).__name__ for text in given if not isinstance(text, str)]:
        return f"judge failed: contexts holds a {wrong[0]}, expected str"
    passages = tuple(replace_surrogates(text) for text in given if has_text(text))
    if not passages:
        return "no evidence"
    asked = replace_surrogates(question) if has_text(question) else None
    return Item(passages, replace_surrogates(answer), asked)
