"""Marks: `keep_row_after_<check>` and `<check>_reason`. Marking never drops; KeepMarked does."""

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.steps import Step, StepInput
from pydantic import Field

from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput


@public
class Mark(Step):
    """The base of all marks: a subclass names its check and writes one method, `reason`.

    Output columns:
        - keep_row_after_<check> (`bool`): whether the row passed.
        - <check>_reason (`str`): why not, or None.

    Categories:
        - filtering
    """

    check: ClassVar[str]

    @abstractmethod
    def reason(self, row: dict[str, Any]) -> str | None:
        """Why the row should not be kept, or None if it should."""

    @property
    def outputs(self) -> "StepColumns":
        """The mark and its reason."""
        return [f"keep_row_after_{self.check}", f"{self.check}_reason"]

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Adds the mark and its reason to each row, in order.

        Args:
            inputs: rows with the input columns.

        Yields:
            The same rows, marked.
        """
        for row in inputs:
            reason = self.reason(row)
            row[f"keep_row_after_{self.check}"] = reason is None
            row[f"{self.check}_reason"] = reason
        yield inputs


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

    check: ClassVar[str] = "grounding"

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
        score, answer = row["hallucination_score"], row["answer"]
        if not isinstance(answer, str) or not answer.strip():
            return f"no answer: {row.get('answer_reason') or 'the LLM gave nothing'}"
        if score is None or math.isnan(score):  # pandas makes NaN of None
            return f"not judged: {row.get('judge_reason') or 'no score'}"
        if score >= self.threshold:
            return f"hallucinated: score {score:.3f}, threshold {self.threshold}"
        return None


@public
class KeepMarked(Step):
    """Drop the rows that a mark did not pass: the one step that drops.

    Attributes:
        checks: the checks a row must have passed. Empty means every `keep_row_after_…` column
            of the row. Defaults to `[]`.

    Input columns:
        - keep_row_after_grounding (`bool`, optional): or the marks of other checks.

    Categories:
        - filtering

    Examples:
        Keep what is grounded:

        ```python
        from distilabel_rag4rag import KeepMarked

        keep = KeepMarked(checks=["grounding"])
        keep.load()
        rows = next(
            keep.process([{"keep_row_after_grounding": True}, {"keep_row_after_grounding": False}])
        )
        assert rows == [{"keep_row_after_grounding": True}]
        ```
    """

    checks: list[str] = []

    @property
    def inputs(self) -> "StepColumns":
        """The marks that are asked for."""
        return [f"keep_row_after_{check}" for check in self.checks]

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Passes on the rows that have every mark, and says how many each mark took.

        Args:
            inputs: marked rows.

        Yields:
            The rows to keep, in order.
        """
        marks = self.inputs or sorted(
            {name for row in inputs for name in row if name.startswith("keep_row_after_")}
        )
        for mark in marks:
            if taken := sum(not _passed(row, mark) for row in inputs):
                self._logger.info(f"{mark}: {taken} of {len(inputs)} rows dropped")
        yield [row for row in inputs if all(_passed(row, mark) for mark in marks)]


def _passed(row: dict[str, Any], mark: str) -> bool:
    """Whether the mark is there and true; NaN, which is truthy, is not."""
    return bool(row.get(mark) == True)  # noqa: E712
