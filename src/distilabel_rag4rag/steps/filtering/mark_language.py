"""MarkLanguage: are question and passage of one language?"""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, PrivateAttr

from distilabel_rag4rag.data.language import UNKNOWN, LanguageIdentifier
from distilabel_rag4rag.schema import EMPTY_QUESTION
from distilabel_rag4rag.steps.filtering.mark import Mark
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import has_text

if TYPE_CHECKING:
    from distilabel.typing import StepColumns


@public
class MarkLanguage(Mark):
    """Mark the rows whose question is in the language of its passage.

    Languages are found by py3langid (`pip install 'distilabel-rag4rag[documents]'`), which needs
    no download. A text that is short or whose language is not certain is "unknown", and agrees
    with any other.

    Attributes:
        check: `language`, the name in the output columns.
        languages: the codes (ISO 639-1) of those that rows may be in; None allows all.
            Defaults to `None`.
        least_letters: the shortest text whose language is looked for, in letters; a character
            of a script without spaces counts as three. Defaults to `30`.
        certainty: the probability from which on a language is believed. Defaults to `0.9`.

    Input columns:
        - question (`str`): the question, or None.
        - context (`str`): its passage.

    Output columns:
        - language (`str`): the language of the passage (ISO 639-1), or "unknown".
        - keep_row_after_language (`bool`): of one language, or not known.
        - language_reason (`str`): the two languages, or the one that is not allowed, or None.

    Categories:
        - filtering

    References:
        - [py3langid](https://github.com/adbar/py3langid)

    Examples:
        Mark a German question on an English passage:

        ```python
        from distilabel_rag4rag import MarkLanguage

        mark = MarkLanguage()
        mark.load()
        row = {
            "question": "In welcher Stadt wurde der große Kessel gegossen?",
            "context": "The great kettle was cast in the town of Torgau, and it still stands.",
        }
        row = next(mark.process([row]))[0]
        assert row["language"] == "en"
        assert row["language_reason"] == "question in de, passage in en"
        ```
    """

    check: ClassVar[str] = "language"

    languages: list[str] | None = None
    least_letters: int = Field(default=30, ge=1)
    certainty: float = Field(default=0.9, ge=0, le=1)

    _identifier: Any = PrivateAttr(default=None)
    _last: tuple[Any, str] = PrivateAttr(default=(None, UNKNOWN))

    @property
    def outputs(self) -> "StepColumns":
        """The passage's language, the mark and its reason."""
        return ["language", *super().outputs]

    @property
    def inputs(self) -> "StepColumns":
        """The question and its passage."""
        return ["question", "context"]

    def load(self) -> None:
        """Loads the model.

        Raises:
            ImportError: if py3langid is missing.
        """
        super().load()
        try:
            self._identifier = LanguageIdentifier(self.least_letters, self.certainty)
        except ImportError as error:
            raise ImportError(
                "MarkLanguage needs py3langid: pip install 'distilabel-rag4rag[documents]'"
            ) from error

    def unload(self) -> None:
        """Frees the model."""
        self._identifier = None
        super().unload()

    def reason(self, row: dict[str, Any]) -> str | None:
        """What the languages are, where they differ or are not allowed; writes `language`."""
        passage = row["language"] = self._language_of_passage(row["context"])
        if not has_text(row["question"]):
            return EMPTY_QUESTION
        question = self._identifier.language(row["question"])
        if UNKNOWN not in (question, passage) and question != passage:
            return f"question in {question}, passage in {passage}"
        for kind, found in (("question", question), ("passage", passage)):
            if self.languages is not None and found not in (UNKNOWN, *self.languages):
                return f"{kind} in {found}, expected {' or '.join(self.languages)}"
        return None

    def _language_of_passage(self, text: Any) -> str:
        """Rows of the same passage follow one another."""
        if text != self._last[0]:
            self._last = (text, self._identifier.language(text))
        return self._last[1]
