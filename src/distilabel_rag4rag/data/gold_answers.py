"""The human answers of one question, from whatever form a data set keeps them in."""

import ast
import json
import re
from collections.abc import Mapping
from numbers import Real
from typing import Any

from distilabel_rag4rag.utils.text import has_text, is_missing

#: Keys that an answer stands under: SQuAD's and the Hub's, TriviaQA's, those of plain records.
KEYS = ("text", "value", "answer", "answers")
#: Keys that hold more answers.
MORE_KEYS = ("aliases",)

_STRING = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
#: A list that NumPy wrote, without commas: Python would read one text out of two.
_WITHOUT_COMMAS = re.compile(rf"\[\s*{_STRING}(?:\s+{_STRING})+\s*\]")
_ARRAY = re.compile(r"\barray\((\[[^\]]*\])(?:,\s*dtype=[^)]*)?\)")
_STRUCTURE = re.compile(r"""\s*(?:\[\s*['"\[{]|\[\s*\]|\{\s*['"]|\{\s*\}|array\()""")


def gold_answers(value: Any) -> list[str]:
    """Every answer once, in order; none where there is none.

    Read are a text, a number, a list of them, `{"text": [...]}` (SQuAD), `{"value": ...,
    "aliases": [...]}` (TriviaQA), `{"answer": ...}`, a list of such, and all of these where they
    have become text in a CSV file.

    Raises:
        ValueError: if the form is another one, with what was found.
    """
    return list(dict.fromkeys(text for text in _answers(value) if has_text(text)))


def _answers(value: Any) -> list[str]:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if is_missing(value):
        return []
    if isinstance(value, str):
        return [value] if not _STRUCTURE.match(value) else _answers(_parsed(value))
    if isinstance(value, int):  # also True and False
        return [str(value)]
    if isinstance(value, Real):
        number = float(value)
        return [str(int(number)) if number.is_integer() else str(value)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _answers(item)]
    if isinstance(value, Mapping):
        found = [value[key] for key in KEYS if key in value]
        if not found:
            raise ValueError(f"found the keys {sorted(map(str, value))}, expected one of {KEYS}")
        return _answers(found[0]) + _answers([value[key] for key in MORE_KEYS if key in value])
    raise ValueError(f"found a {type(value).__name__}, expected text or a list of texts")


def _parsed(text: str) -> Any:
    """A list or a dict that was written as text, by JSON, Python or NumPy."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    plain = _ARRAY.sub(r"\1", text)
    plain = _WITHOUT_COMMAS.sub(
        lambda found: f"[{', '.join(re.findall(_STRING, found[0]))}]", plain
    )
    try:
        return ast.literal_eval(plain.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(
            f"found {text[:60]!r}, expected a text, or a list that JSON or Python can read"
        ) from None
