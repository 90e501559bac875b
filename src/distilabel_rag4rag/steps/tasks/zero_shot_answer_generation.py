"""ZeroShotAnswerGeneration: question -> an answer from the LLM's memory, as published."""

import re
from typing import TYPE_CHECKING, Any

from distilabel.steps.tasks import GenerateSentencePair
from distilabel.steps.tasks.sentence_transformers import GenerationAction

from distilabel_rag4rag.schema import NO_REPLY, NOT_AS_ASKED
from distilabel_rag4rag.steps.tasks.replies import (
    NoAnswerError,
    message_of,
    object_in,
    read_reply,
    unfenced,
)
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import has_text

if TYPE_CHECKING:
    from distilabel.typing import StepColumns

# The headings that the prompt asks for, as models write them: "**Positive:**", "### positive".
_HEADING = re.compile(
    r"^[ \t>]{0,4}(?:#{1,6}[ \t]*[*_]{0,3}|[*_]{2,3}|(?=\w+[ \t]*[:：])|<)(positive|negative)\b"
    r"(?: sentence| answer)?[ \t*_:：>]*",
    re.IGNORECASE | re.MULTILINE,
)
_CLOSING_TAG = re.compile(r"</(?:positive|negative)>", re.IGNORECASE)
_NEXT_HEADING = re.compile(r"\n#{1,6}[ \t]")


@public
class ZeroShotAnswerGeneration(GenerateSentencePair):
    """Answer questions from an LLM's memory: the closed-book baseline as published.

    It asks what distilabel's `GenerateSentencePair` asks with the published settings, which are
    the defaults here, word for word. Its replies are read like those of
    `GroundedAnswerGeneration`: reasoning, tokens of chat templates and fences are taken off before
    the headings are looked for, and a reply without an answer under `## Positive` is a failed row.

    Attributes:
        triplet: whether to ask for a negative as well. Defaults to `True`.
        action: what the positive has to be for the anchor. Defaults to `answer`.
        context: a text of its own in every prompt; as published, the literal word "context", so
            that the LLM never sees a passage. Defaults to `context`.

    Input columns:
        - anchor (`str`): the question; map `question` onto it with `input_mappings`.

    Output columns:
        - positive (`str`): the answer, or None.
        - negative (`str`): a sentence that is no answer, or None.
        - answer_reason (`str`): why there is no positive, or None.
        - model_name (`str`): the LLM.

    Categories:
        - text-generation

    References:
        - [rag4rag](https://github.com/m-newhauser/rag4rag)

    Examples:
        Answer a question without any passage:

        ```python
        from distilabel_rag4rag import ZeroShotAnswerGeneration
        from distilabel_rag4rag.testing import ScriptedLLM

        reply = "<think>Which town?</think>\\n\\n## Positive\\n\\nTorgau\\n\\n## Negative\\n\\nUlm"
        task = ZeroShotAnswerGeneration(llm=ScriptedLLM(default=reply))
        task.load()
        rows = next(task.process([{"anchor": "In which town was the kettle cast?"}]))
        assert (rows[0]["positive"], rows[0]["negative"]) == ("Torgau", "Ulm")
        ```
    """

    triplet: bool = True
    action: GenerationAction = "answer"
    context: str = "context"

    @property
    def outputs(self) -> "StepColumns":
        """The columns of `GenerateSentencePair`, and why there is no answer."""
        return [*super().outputs, "answer_reason"]

    def format_output(
        self, output: str | None, input: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The sentences under the two headings, or None with the reason.

        Args:
            output: the LLM's text, None where it gave nothing.
            input: the row.
        """
        nothing = {name: None for name in super().outputs if name != "model_name"}
        if not has_text(output):
            return {**nothing, "answer_reason": NO_REPLY}
        try:
            message = unfenced(message_of(output))
        except NoAnswerError as error:
            return {**nothing, "answer_reason": error.reason}
        found = nothing | self._sentences(message, input)
        positive = found["positive"]
        if has_text(positive) and not positive.startswith("## "):
            positive = _NEXT_HEADING.split(positive, maxsplit=1)[0].strip()
        else:
            # A refusal has no headings; `CompleteAnswer` makes an abstention of it.
            refuses = object_in(message) is None and read_reply(message).abstained
            positive = message if refuses else None
        reason = NOT_AS_ASKED if positive is None else None
        return {**found, "positive": positive, "answer_reason": reason}

    def _sentences(self, message: str, row: dict[str, Any] | None) -> dict[str, Any]:
        """What distilabel's parser finds in a message whose headings are as it knows them."""
        if (value := object_in(message)) and not self.use_default_structured_output:
            return {key: value[key] for key in ("positive", "negative") if key in value}
        headings = _HEADING.sub(lambda found: f"\n## {found[1].title()}\n\n", message)
        found = super().format_output(_CLOSING_TAG.sub("", headings), row)
        return found if isinstance(found, dict) else {}
