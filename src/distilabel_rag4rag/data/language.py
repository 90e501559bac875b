"""The language of a text."""

import importlib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from types import ModuleType
from typing import Any

from distilabel_rag4rag.utils.scripts import UNSPACED
from distilabel_rag4rag.utils.text import has_text

#: What a text is in that is short or whose language is not certain.
UNKNOWN = "unknown"
#: So many texts are enough to say what language most are in.
SAMPLE = 50


class LanguageIdentifier:
    """Finds languages with py3langid, without a download.

    Args:
        least_letters: shorter texts are "unknown"; a character of a script without spaces counts
            as three.
        certainty: the probability from which on a language is believed.

    Raises:
        ImportError: if py3langid is missing.
    """

    def __init__(self, least_letters: int = 30, certainty: float = 0.9) -> None:
        langid = importlib.import_module("py3langid.langid")
        self._least_letters, self._certainty = least_letters, certainty
        self._model = _model(langid)

    def language(self, text: Any) -> str:
        """The code of ISO 639-1, or "unknown"."""
        if not has_text(text):
            return UNKNOWN
        letters = sum(3 if UNSPACED.match(c) else 1 for c in text if c.isalpha())
        if letters < self._least_letters:
            return UNKNOWN
        language, probability = self._model.classify(text)
        return str(language) if probability >= self._certainty else UNKNOWN


@cache
def _model(langid: ModuleType) -> Any:
    """Its model, which takes half a second to read."""
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def main_language(texts: Iterable[str]) -> str:
    """The language of most of the first texts; "unknown" where py3langid is missing."""
    try:
        identifier = LanguageIdentifier()
    except ImportError:
        return UNKNOWN
    sample = [text for _, text in zip(range(SAMPLE), texts, strict=False)]
    found = Counter(map(identifier.language, sample)).most_common(1)
    return found[0][0] if found else UNKNOWN
