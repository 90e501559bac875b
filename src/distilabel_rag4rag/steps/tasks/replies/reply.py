"""What a reply turned out to be."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """An answer; or an abstention; or a failure with its reason.

    Attributes:
        answer: the answer, None in the other two cases.
        abstained: whether the LLM said that the passages do not hold the answer.
        reason: why there is no answer, None where there is one.
    """

    answer: str | None
    abstained: bool = False
    reason: str | None = None

    def columns(self) -> dict[str, Any]:
        """The columns of a row that hold it."""
        return {"answer": self.answer, "abstained": self.abstained, "answer_reason": self.reason}


class NoAnswerError(Exception):
    """A reply that holds no answer: its text is the reason."""

    def __init__(self, reason: str, abstained: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.abstained = abstained
