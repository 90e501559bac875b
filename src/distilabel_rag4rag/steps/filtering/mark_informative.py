"""MarkInformative: does the answer say something that the question does not?"""

from typing import TYPE_CHECKING, Any, ClassVar

from distilabel_rag4rag.data.new_words import new_words, repeated_words
from distilabel_rag4rag.steps.filtering.mark import Mark, nothing_asked_or_answered
from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from distilabel.typing import StepColumns

#: Types of question that may hold their answer: keywords to search for, a statement to verify.
_HOLDING = ("keyword", "claim")


@public
class MarkInformative(Mark):
    """Mark the answers that say something which their question does not.

    "Roake Station" is no answer to "What is the Roake Station?", though its passage supports it. An
    answer passes where it has a content word, number or name that the question does not hold; so
    do "yes" and "no", and the words of a choice ("… or …?"). Keyword queries and claims, which may
    hold their answer, are not checked. An answer that says the same four words three times or more
    does not pass. It is a rule over words without a model: of 627 human answers of SQuAD it flags
    4 (0.6%).

    Attributes:
        check: `informative`, the name in the output columns.
        language: whose function words do not count: en, de, fr, es or it. In any other language
            all words count, so that more answers pass. Forms of a word are known in English alone.
            Defaults to `en`.

    Input columns:
        - question (`str`): the question, or None.
        - answer (`str`): the answer, or None.
        - question_type (`str`, optional): as `QuestionGeneration` writes it.
        - answer_reason (`str`, optional): why there is no answer.

    Output columns:
        - keep_row_after_informative (`bool`): whether the answer says something new.
        - informative_reason (`str`): why not, or None.

    Categories:
        - filtering

    Examples:
        Mark an answer that repeats its question:

        ```python
        from distilabel_rag4rag import MarkInformative

        mark = MarkInformative()
        mark.load()
        question = "Where does the kettle stand?"
        rows = [{"question": question, "answer": answer} for answer in ("in Torgau", "The kettle")]
        rows = next(mark.process(rows))
        assert [row["informative_reason"] for row in rows] == [
            None,
            "the answer says nothing that the question does not",
        ]
        ```
    """

    check: ClassVar[str] = "informative"

    language: str = "en"

    @property
    def inputs(self) -> "StepColumns":
        """Question and answer."""
        return {"question": True, "answer": True, "question_type": False, "answer_reason": False}

    def reason(self, row: dict[str, Any]) -> str | None:
        """Why the answer tells nothing; None to keep the row."""
        question, answer = row["question"], row["answer"]
        if missing := nothing_asked_or_answered(row):
            return missing
        if repeated := repeated_words(answer):
            return f'the answer repeats "{repeated}"'
        if row.get("question_type") in _HOLDING or new_words(question, answer, self.language):
            return None
        return "the answer says nothing that the question does not"
