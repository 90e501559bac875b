"""Reasons that differ only in numbers and ids, counted as one cause."""

import re
from collections import Counter, defaultdict

import pandas as pd

from distilabel_rag4rag.utils.text import has_text

NO_REASON = "no reason given"

# Ids of requests and counts of tokens differ from row to row; a status of HTTP is a cause.
_STATUS = re.compile(r"[45]\d\d")
_WITH_DIGIT = re.compile(r"[\w-]*\d[\w-]*(?:[.,]\d+)*")


def count_causes(reasons: pd.Series) -> dict[str, int]:
    """Rows per cause, the most common first; a cause goes by its most common reason."""
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    for reason in reasons:
        text = str(reason) if has_text(reason) else NO_REASON
        texts[_cause(text)][text] += 1
    counts = [(_name(same), same.total()) for same in texts.values()]
    return dict(sorted(counts, key=lambda entry: (-entry[1], entry[0])))


def _cause(reason: str) -> str:
    masked = _WITH_DIGIT.sub(lambda found: found[0] if _STATUS.fullmatch(found[0]) else "#", reason)
    return " ".join(masked.split())


def _name(same: Counter[str]) -> str:
    return min(same, key=lambda text: (-same[text], text))
