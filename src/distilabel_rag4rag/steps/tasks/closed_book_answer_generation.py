"""ClosedBookAnswerGeneration: question -> an answer from the LLM's memory, asked for plainly."""

from typing import TYPE_CHECKING, Any, Literal

from distilabel.steps.tasks.base import Task

from distilabel_rag4rag.steps.tasks.replies import read_reply
from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from distilabel.steps.tasks.typing import ChatType
    from distilabel.typing import StepColumns

_SYSTEM = {
    "short": "Answer each question with a name, a number or a short phrase.",
    "sentence": "Answer each question with one sentence.",
}
#: Earlier turns, from which small LLMs see how long an answer is: question, short, sentence.
_EXAMPLES = (
    ("What is the capital of France?", "Paris", "The capital of France is Paris."),
    (
        "When was the Eiffel Tower completed?",
        "1889",
        "The Eiffel Tower was completed in 1889.",
    ),
    (
        "Which planet is the largest in the solar system?",
        "Jupiter",
        "Jupiter is the largest planet in the solar system.",
    ),
)


@public
class ClosedBookAnswerGeneration(Task):
    """Answer questions from an LLM's memory, without headings to write or a negative to invent.

    The closed-book baseline for LLMs that do not follow the prompt of `ZeroShotAnswerGeneration`,
    which asks for two sentences under headings. Replies are read like those of
    `GroundedAnswerGeneration`.

    Attributes:
        style: `short` for a few words, `sentence` for one full sentence. Defaults to `short`.

    Input columns:
        - question (`str`): the question.

    Output columns:
        - answer (`str`): the answer, or None.
        - abstained (`bool`): whether the LLM said that it does not know.
        - answer_reason (`str`): why `answer` is None, or None.
        - model_name (`str`): the LLM.

    Categories:
        - text-generation

    Examples:
        Answer a question without any passage:

        ```python
        from distilabel_rag4rag import ClosedBookAnswerGeneration
        from distilabel_rag4rag.testing import ScriptedLLM

        task = ClosedBookAnswerGeneration(llm=ScriptedLLM(default="Answer: Ulm"))
        task.load()
        rows = next(task.process([{"question": "In which town was the kettle cast?"}]))
        assert rows[0]["answer"] == "Ulm"
        ```
    """

    style: Literal["short", "sentence"] = "short"

    @property
    def inputs(self) -> "StepColumns":
        """`question`."""
        return ["question"]

    @property
    def outputs(self) -> "StepColumns":
        """The columns that are added."""
        return ["answer", "abstained", "answer_reason", "model_name"]

    def format_input(self, input: dict[str, Any]) -> "ChatType":
        """Worked examples, then the question.

        Args:
            input: a row with `question`.
        """
        messages = [{"role": "system", "content": _SYSTEM[self.style]}]
        for question, short, sentence in _EXAMPLES:
            answer = short if self.style == "short" else sentence
            messages += [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]
        question = " ".join((input["question"] or "").split())
        return [*messages, {"role": "user", "content": question}]  # type: ignore[return-value]

    def format_output(
        self, output: str | None, input: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """What the reply says: an answer, an abstention, or a reason.

        Args:
            output: the LLM's text, None where it gave nothing.
            input: the row, for its question.
        """
        question = (input or {}).get("question") or ""
        return read_reply(output, question=question, short=self.style == "short").columns()
