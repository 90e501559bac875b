"""Importable fakes for tests: an LLM whose text is scripted, everything around it real."""

import json
import time
from pathlib import Path
from typing import Any, ClassVar

from distilabel.models.llms import LLM
from distilabel.models.llms.utils import prepare_output
from distilabel.typing import FormattedInput, GenerateOutput
from pydantic import Field

from distilabel_rag4rag.utils.progress import report_rows


class ScriptedLLM(LLM):
    """An LLM that replies from a script; a real subclass, so it pickles, dumps and reloads.

    The reply to a conversation is the value of the first key of `replies` that stands in its
    last message, else `default`. Token counts are whitespace words.

    Attributes:
        replies: substring of the last message -> reply; None as a reply is a failed generation.
        default: the reply where no key matches.
        delay: seconds to wait per input, for tests of speed, interruption and progress.
        history_path: a JSON-lines file to which every conversation is appended, with the reply;
            it works across processes, unlike an attribute. None keeps no history.
        model: the name reported as `model_name`.

    Examples:
        Answer one question from the script, all others by default:

        ```python
        from distilabel_rag4rag.testing import ScriptedLLM

        llm = ScriptedLLM(replies={"Which album": "Dangerously in Love"}, default="I do not know")
        llm.load()
        out = llm.generate(inputs=[[{"role": "user", "content": "Which album was first?"}]])
        assert out[0]["generations"] == ["Dangerously in Love"]
        ```
    """

    #: Fields that a generation cache leaves out of its keys.
    does_not_shape_replies: ClassVar[tuple[str, ...]] = ("delay", "history_path")

    replies: dict[str, str | None] = Field(default_factory=dict)
    default: str | None = None
    delay: float = 0.0
    history_path: str | None = None
    model: str = "scripted"

    @property
    def model_name(self) -> str:
        """The name given as `model`."""
        return self.model

    def reply(self, text: str) -> str | None:
        """The scripted reply to a last message."""
        return next((reply for key, reply in self.replies.items() if key in text), self.default)

    def generate(  # type: ignore[override]
        self, inputs: list[FormattedInput], num_generations: int = 1
    ) -> list[GenerateOutput]:
        """One scripted reply per input, repeated `num_generations` times."""
        outputs = []
        for messages in inputs:
            outputs.append(self._one(messages, num_generations))
            report_rows(len(outputs))
        return outputs

    def _one(self, messages: Any, num_generations: int) -> GenerateOutput:
        time.sleep(self.delay)
        reply = self.reply(messages[-1]["content"])
        if self.history_path is not None:
            with Path(self.history_path).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"messages": messages, "reply": reply}) + "\n")
        words_in = sum(len(message["content"].split()) for message in messages)
        return prepare_output(
            [reply] * num_generations,
            input_tokens=[words_in] * num_generations,
            output_tokens=[len((reply or "").split())] * num_generations,
        )


class VerbatimDetector:
    """A judge for tests that need none of its own: text that stands in no passage is flagged.

    It has LettuceDetect's `predict` and gives one span over the whole answer, confidence 1.0,
    unless the answer stands word for word in a passage.
    """

    def predict(
        self,
        context: list[str],
        answer: str,
        question: str | None = None,
        output_format: str = "spans",
    ) -> list[dict[str, Any]]:
        """No span for a verbatim answer, else one over all of it."""
        if any(answer in passage for passage in context):
            return []
        return [{"start": 0, "end": len(answer), "text": answer, "confidence": 1.0}]
