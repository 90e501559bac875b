"""What is judged and what comes of it."""

from typing import Any, NamedTuple

from distilabel_rag4rag.detect.spans import Span


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
    if row.get("abstained") in (True,):  # np.bool_ too, but not NaN
        return "abstained"
    if answer is None or answer != answer:  # NaN is how pandas says None
        return "no answer"
    if not isinstance(answer, str):
        return f"judge failed: answer is a {type(answer).__name__}, expected a str"
    if not answer.strip():
        return "empty answer"
    contexts = row["contexts"]
    if contexts is None or isinstance(contexts, str):
        contexts = [contexts]
    try:
        passages = tuple(str(text) for text in contexts if isinstance(text, str) and text.strip())
    except TypeError:
        return f"judge failed: contexts is a {type(contexts).__name__}, expected a str or a list"
    if not passages:
        return "no evidence"
    asked = isinstance(question, str) and question.strip()
    return Item(passages, str(answer), str(question) if asked else None)
