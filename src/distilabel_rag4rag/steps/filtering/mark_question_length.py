"""MarkQuestionLength: is the question neither too short nor too long?"""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from distilabel_rag4rag.data.words import count_words
from distilabel_rag4rag.schema import EMPTY_QUESTION
from distilabel_rag4rag.steps.filtering.mark import Mark
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import counted, has_text

if TYPE_CHECKING:
    from distilabel.typing import StepColumns


@public
class MarkQuestionLength(Mark):
    """Mark the questions that are neither too short nor too long.

    In scripts without spaces between words, each character of Chinese and Japanese counts as a
    word, and every four of Thai, Lao, Khmer or Burmese.

    Attributes:
        check: `length`, the name in the output columns.
        least_words: the shortest question that is kept. Defaults to `3`.
        most_words: the longest question that is kept. Defaults to `40`.

    Input columns:
        - question (`str`): the question, or None.

    Output columns:
        - keep_row_after_length (`bool`): neither too short nor too long.
        - length_reason (`str`): how many words it has and how many it may have, or None.

    Categories:
        - filtering

    Examples:
        Mark a question of one word:

        ```python
        from distilabel_rag4rag import MarkQuestionLength

        mark = MarkQuestionLength()
        mark.load()
        row = next(mark.process([{"question": "Why?"}]))[0]
        assert row["length_reason"] == "1 word, expected 3 to 40"
        ```
    """

    check: ClassVar[str] = "length"

    least_words: int = Field(default=3, ge=1)
    most_words: int = Field(default=40, ge=1)

    @property
    def inputs(self) -> "StepColumns":
        """The question."""
        return ["question"]

    def reason(self, row: dict[str, Any]) -> str | None:
        """How many words there are, where there are too few or too many."""
        if not has_text(row["question"]):
            return EMPTY_QUESTION
        words = count_words(row["question"])
        if self.least_words <= words <= self.most_words:
            return None
        return f"{counted(words, 'word')}, expected {self.least_words} to {self.most_words}"
