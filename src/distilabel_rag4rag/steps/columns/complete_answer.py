"""CompleteAnswer: one shape for the answers of all arms, whichever task wrote them."""

from typing import TYPE_CHECKING, Any, Literal

from distilabel.constants import DISTILABEL_METADATA_KEY
from distilabel.steps import Step, StepInput

from distilabel_rag4rag.models.llms.output_check import llm_error
from distilabel_rag4rag.schema import EMPTY_QUESTION, NOT_AS_ASKED
from distilabel_rag4rag.steps.tasks.grounded_answer_generation import as_passages
from distilabel_rag4rag.steps.tasks.replies import Reply, read_reply
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import has_text

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput

# What stands in one of these is never taken for a refusal.
_PASSAGES = ("context", "contexts", "retrieved_contexts")


@public
class CompleteAnswer(Step):
    """Give the answers of any task the columns that `GroundedAnswerGeneration` gives its own.

    distilabel's tasks write an answer and no more. This step adds whether it is an abstention,
    why there is none, and the tokens that the LLM counted. An answer is read by the same function
    in every arm: otherwise a refusal would count as a hallucination in one arm and as an
    abstention in another, and "Answer:" as a wrong word in one alone.

    Attributes:
        clean: whether to take off what models put around an answer; if `False`, what is an answer
            stays as it was written. Defaults to `True`.
        style: `short` keeps the first line of an answer, `sentence` all of them in one, as
            `GroundedAnswerGeneration` does. Defaults to `short`.
        abstain: whether a refusal ("I do not know") is an abstention; if `False` it stays an
            answer, as in the published notebooks. Defaults to `True`.

    Input columns:
        - answer (`str`): the answer, or None.
        - question (`str`, optional): taken off where the answer begins by repeating it.
        - context (`str`, optional): the source passage; what stands in it, or in the next two
            columns, is never taken for a refusal.
        - contexts (`Union[str, List[str]]`, optional): passages.
        - retrieved_contexts (`List[str]`, optional): passages.
        - abstained (`bool`, optional): kept where a task wrote it.
        - answer_reason (`str`, optional): kept where a task wrote it.
        - distilabel_metadata (`dict`, optional): where distilabel keeps the token counts.

    Output columns:
        - answer (`str`): the answer; None where it is an abstention.
        - abstained (`bool`): whether the LLM gave no answer on purpose.
        - answer_reason (`str`): why `answer` is None, or None.
        - input_tokens (`int`): tokens of the prompt, or None where the LLM does not say.
        - output_tokens (`int`): tokens of the reply, or None where the LLM does not say.

    Categories:
        - text-generation

    Examples:
        Complete what `GenerateSentencePair` wrote:

        ```python
        from distilabel_rag4rag import CompleteAnswer

        complete = CompleteAnswer()
        complete.load()
        rows = next(complete.process([{"answer": "I do not know."}, {"answer": "1989."}]))
        assert [row["abstained"] for row in rows] == [True, False]
        ```
    """

    clean: bool = True
    style: Literal["short", "sentence"] = "short"
    abstain: bool = True

    @property
    def inputs(self) -> "StepColumns":
        """The answer; what the task knew of it is optional."""
        return {
            "answer": True,
            "question": False,
            **dict.fromkeys(_PASSAGES, False),
            "abstained": False,
            "answer_reason": False,
            DISTILABEL_METADATA_KEY: False,
        }

    @property
    def outputs(self) -> "StepColumns":
        """The answer's columns."""
        return ["answer", "abstained", "answer_reason", "input_tokens", "output_tokens"]

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Completes each row, in order.

        Args:
            inputs: rows with `answer`.

        Yields:
            The same rows with all columns of an answer.
        """
        for row in inputs:
            row.update(self._completed(row), **_tokens(row.get(DISTILABEL_METADATA_KEY)))
        yield inputs

    def _completed(self, row: dict[str, Any]) -> dict[str, Any]:
        if row.get("abstained") is not None:  # the task has said it all
            return {"answer_reason": row.get("answer_reason")}
        question = row.get("question", "?")
        if not has_text(question):
            return Reply(None, reason=EMPTY_QUESTION).columns()
        answer = row["answer"]
        if not isinstance(answer, str) or not answer.strip():
            cause = llm_error(row.get(DISTILABEL_METADATA_KEY)) or row.get("answer_reason")
            return Reply(None, reason=cause or NOT_AS_ASKED).columns()
        reply = read_reply(
            answer,
            question=row.get("question") or "",
            passages=[text for name in _PASSAGES for text in as_passages(row.get(name))],
            short=self.style == "short",
            abstain=self.abstain,
        )
        if reply.answer is not None and not self.clean:
            reply = Reply(answer)
        return reply.columns()


def _tokens(metadata: dict[str, Any] | None) -> dict[str, int | None]:
    """Input and output tokens, summed over the tasks that counted them."""
    statistics = [
        value for key, value in (metadata or {}).items() if key.startswith("statistics_") and value
    ]
    counts = {}
    for name in ("input_tokens", "output_tokens"):
        known = [s[name] for s in statistics if s.get(name) is not None]
        counts[name] = sum(known) if known else None
    return counts
