"""Whether a text stands in the passages, whatever its case and punctuation."""

import re
import unicodedata
from collections.abc import Iterable

_NOT = re.compile(r"\b(\w+)n't\b")
_IS = re.compile(r"\b(it|that|there|this)'s\b")
_SHORTENED = {"ca": "can", "wo": "will", "sha": "shall"}
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff]")


def words(text: str) -> str:
    """The words of a text in lower case, one space between them; "doesn't" is "does not"."""
    text = (
        unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("cannot", "can not")
    )
    text = _IS.sub(r"\1 is", text).replace("i'm ", "i am ")
    text = _NOT.sub(lambda found: f"{_SHORTENED.get(found[1], found[1])} not", text)
    return " ".join(re.findall(r"\w+", text))


class Passages:
    """The texts that an answer may come from."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = list(texts)
        self._words: list[str] | None = None

    def hold(self, text: str) -> bool:
        """Whether the words of the text stand in one of the passages, one after the other."""
        sought = words(text)
        if not sought:
            return False
        if self._words is None:
            self._words = [f" {words(passage)} " for passage in self._texts]
        whole = sought if _NO_SPACES.search(sought) else f" {sought} "
        return any(whole in passage for passage in self._words)

    def contain(self, text: str) -> bool:
        """Whether the text stands in one of the passages as it is, sign by sign."""
        return any(text in passage for passage in self._texts)
