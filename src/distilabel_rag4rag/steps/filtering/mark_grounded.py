"""MarkGrounded: is there an answer, and does its evidence support it?"""

from typing import TYPE_CHECKING, Any, ClassVar

from distilabel.mixins.runtime_parameters import RuntimeParameter
from pydantic import Field

from distilabel_rag4rag.schema import GROUNDING
from distilabel_rag4rag.steps.filtering.mark import Mark, no_answer
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import is_missing

if TYPE_CHECKING:
    from distilabel.typing import StepColumns


def grounding_reason(row: dict[str, Any], threshold: float) -> str | None:
    """Why a judged row is not grounded, or None where it is.

    Args:
        row: with `answer` and `hallucination_score`.
        threshold: the score from which on an answer is flagged.
    """
    score = row["hallucination_score"]
    if missing := no_answer(row):
        return missing
    if is_missing(score):
        return f"not judged: {row.get('judge_reason') or 'no score'}"
    if score >= threshold:
        return f"hallucinated: score {score:.3f}, threshold {threshold}"
    return None


@public
class MarkGrounded(Mark):
    """Mark the rows whose answer is there and was judged to be supported by its evidence.

    Attributes:
        check: `grounding`, the name in the output columns.

    Runtime parameters:
        - `threshold`: the hallucination score from which on an answer is flagged.
            Defaults to `0.5`.

    Input columns:
        - answer (`str`): the answer, or None.
        - hallucination_score (`float`): in [0, 1], None where the answer was not judged.
        - answer_reason (`str`, optional): why there is no answer.
        - judge_reason (`str`, optional): why the answer was not judged.

    Output columns:
        - keep_row_after_grounding (`bool`): answered, judged and not flagged.
        - grounding_reason (`str`): why the row is not kept, or None.

    Categories:
        - filtering

    Examples:
        Mark a supported and a flagged answer:

        ```python
        from distilabel_rag4rag import MarkGrounded

        mark = MarkGrounded(threshold=0.5)
        mark.load()
        rows = next(
            mark.process(
                [
                    {"answer": "Dangerously in Love", "hallucination_score": 0.0},
                    {"answer": "1989", "hallucination_score": 0.97},
                ]
            )
        )
        assert [row["keep_row_after_grounding"] for row in rows] == [True, False]
        ```
    """

    check: ClassVar[str] = GROUNDING

    threshold: RuntimeParameter[float] = Field(
        default=0.5, ge=0, le=1, description="The score from which on an answer is flagged."
    )

    @property
    def inputs(self) -> "StepColumns":
        """The answer and its score; the reasons of earlier steps are optional."""
        return {
            "answer": True,
            "hallucination_score": True,
            "answer_reason": False,
            "judge_reason": False,
        }

    def reason(self, row: dict[str, Any]) -> str | None:
        """`no answer`, `not judged` or `hallucinated`, with the cause; None to keep the row."""
        return grounding_reason(row, self.threshold)  # type: ignore[arg-type]
