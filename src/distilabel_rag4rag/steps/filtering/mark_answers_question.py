"""MarkAnswersQuestion: does the answer belong to its question, or to another one?"""

from typing import TYPE_CHECKING, Any, ClassVar

from distilabel.mixins.runtime_parameters import RuntimeParameter
from pydantic import Field

from distilabel_rag4rag.data.answer_sentence import sentence_shares
from distilabel_rag4rag.data.asked_kind import kind_fault
from distilabel_rag4rag.steps.filtering.mark import Mark, nothing_asked_or_answered
from distilabel_rag4rag.steps.tasks.grounded_answer_generation import as_passages
from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from distilabel.typing import StepColumns


@public
class MarkAnswersQuestion(Mark):
    """Mark the answers that may belong to their question, and not to another about the passage.

    The judge does not see this error: what stands in the passage is supported. Two rules without a
    model do in part. The answer must be of the kind that is asked for: a number for "how many", a
    time for "when", more than a number for "who", "where", "why" or "what". And where one sentence
    of the passage holds the answer, no other may hold more of the question's words, weighted by how
    rare they are in the passage, by more than `margin`.

    On 303 questions of SQuAD (the margin was chosen on 324 others) the rules flag 2.3% of the human
    answers and 58% of the answers to other questions about the same passage; the first rule alone
    0.3% and 27%. Questions in words of their own, whose answer stands beside the words that they
    share with the passage, are flagged more often. The first rule knows English questions alone.

    Attributes:
        check: `answers_question`, the name in the output columns.
        language: whose function words do not count: en, de, fr, es or it. Defaults to `en`.

    Runtime parameters:
        - `margin`: the share of the question's words by which another sentence may be nearer than
            the answer's; 1 leaves the second rule out. Defaults to `0.35`.

    Input columns:
        - question (`str`): the question, or None.
        - answer (`str`): the answer, or None.
        - contexts (`Union[str, List[str]]`): the passage; map `context` onto it with
            `input_mappings`.
        - answer_reason (`str`, optional): why there is no answer.

    Output columns:
        - keep_row_after_answers_question (`bool`): whether the answer may belong to the question.
        - answers_question_reason (`str`): why not, or None.

    Categories:
        - filtering

    Examples:
        Mark the answers to two other questions:

        ```python
        from distilabel_rag4rag import MarkAnswersQuestion

        mark = MarkAnswersQuestion()
        mark.load()
        passage = "The kettle was cast in Torgau in 1712. It stands in the brewery of the abbey."
        question = "In which town was the kettle cast?"
        rows = [
            {"question": question, "answer": answer, "contexts": passage}
            for answer in ("Torgau", "brewery")
        ]
        rows = next(mark.process(rows))
        assert [row["answers_question_reason"] for row in rows] == [
            None,
            'another sentence is nearer to the question: "The kettle was cast in Torgau in 1712."',
        ]
        ```
    """

    check: ClassVar[str] = "answers_question"

    language: str = "en"
    margin: RuntimeParameter[float] = Field(
        default=0.35,
        ge=0,
        le=1,
        description="The share of words by which another sentence may be nearer.",
    )

    @property
    def inputs(self) -> "StepColumns":
        """Question, answer and passage."""
        return {"question": True, "answer": True, "contexts": True, "answer_reason": False}

    def reason(self, row: dict[str, Any]) -> str | None:
        """Why the answer belongs to another question; None to keep the row."""
        question, answer = row["question"], row["answer"]
        if missing := nothing_asked_or_answered(row):
            return missing
        if fault := kind_fault(question, answer):
            return fault
        passages = as_passages(row["contexts"])
        shares = sentence_shares(question, answer, passages, self.language)
        if shares is not None and shares.best - shares.own > float(self.margin or 0):
            return f'another sentence is nearer to the question: "{shares.nearest}"'
        return None
