"""GroundedAnswerGeneration: question + passages -> a grounded answer, or an abstention."""

import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from distilabel.constants import DISTILABEL_METADATA_KEY
from distilabel.errors import DistilabelUserError
from distilabel.steps import StepInput
from distilabel.steps.tasks import Task
from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment
from pydantic import PrivateAttr

from distilabel_rag4rag.models.llms.output_check import llm_error
from distilabel_rag4rag.schema import EMPTY_QUESTION, NO_PASSAGES
from distilabel_rag4rag.steps.tasks.replies import MARKER, Reply, read_reply
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import has_text

if TYPE_CHECKING:
    from distilabel.typing import ChatType, StepColumns, StepOutput

# The sandbox is for users' own templates, which may come with a pipeline.yaml from elsewhere.
# Nothing is escaped: the prompt is plain text, and passages are fenced instead.
SANDBOX = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False)


def as_passages(contexts: Any) -> list[str]:
    """The non-empty passages of a str, a sequence of str, or None."""
    if contexts is None:
        return []
    if isinstance(contexts, str):
        contexts = [contexts]
    return [text for text in contexts if has_text(text)]


def fence_for(passages: list[str]) -> str:
    """A line of quotes that stands in none of the passages, so none of them can close it."""
    longest = max((len(run) for text in passages for run in re.findall('"+', text)), default=0)
    return '"' * max(3, longest + 1)


@public
class GroundedAnswerGeneration(Task):
    """Answer questions from passages, and from nothing else, with an LLM.

    The passages are numbered and each stands between lines of a fence that occurs in none of
    them, so that text inside a passage can pose neither as an instruction nor as another
    passage. The question is put on one line, before and after the passages: small models answer
    better so. Templates are Jinja2; questions and passages are their data and never evaluated.
    What models add to an answer (reasoning, tokens of chat templates, fences, JSON, "Answer:",
    "Sure! Here is", quotes, further lines, a repeated question) is taken off again; a reply whose
    form is not understood is a failed row, never an answer.

    Attributes:
        style: `short` asks for the exact words of a passage, `sentence` for one full sentence.
            Defaults to `short`.
        abstain: whether the LLM may say that the passages do not hold the answer. If `False`,
            the prompt does not offer it and a reply is always taken as an answer, as in the
            published notebooks. Defaults to `True`.
        system_template: a Jinja2 template of your own in the place of the system prompt; it
            gets `abstain`, `marker` (what an abstaining LLM must reply) and `fence`.
        template: a Jinja2 template of your own in the place of the user prompt; it gets
            `question`, `passages` (a list of str), `fence` and `style`, and must use the first two.
        few_shot: worked examples, sent as earlier turns: dicts with `question`, `contexts`
            (a str or a list of str) and `answer` (None for an abstention).

    Input columns:
        - question (`str`): the question.
        - contexts (`Union[str, List[str]]`): the passages; map `retrieved_contexts` or
            `context` onto it with `input_mappings`.

    Output columns:
        - answer (`str`): the answer, or None.
        - abstained (`bool`): whether the LLM said that the passages do not hold the answer, or
            there was no passage to answer from.
        - answer_reason (`str`): why `answer` is None, or None.
        - model_name (`str`): the LLM.

    Categories:
        - text-generation

    References:
        - [rag4rag](https://github.com/m-newhauser/rag4rag)

    Citations:
        ```
        @misc{lewis2020rag,
          title={Retrieval-Augmented Generation for Knowledge-Intensive NLP Tasks},
          author={Patrick Lewis and Ethan Perez and others},
          year={2020},
          eprint={2005.11401},
          archivePrefix={arXiv}
        }
        ```

    Examples:
        Answer from one passage:

        ```python
        from distilabel_rag4rag import GroundedAnswerGeneration
        from distilabel_rag4rag.testing import ScriptedLLM

        task = GroundedAnswerGeneration(llm=ScriptedLLM(default='Answer: "Dangerously in Love".'))
        task.load()
        rows = next(
            task.process(
                [
                    {
                        "question": "Which album established Beyoncé?",
                        "contexts": "Dangerously in Love (2003) established her as a solo artist.",
                    }
                ]
            )
        )
        assert rows[0]["answer"] == "Dangerously in Love"
        ```
    """

    style: Literal["short", "sentence"] = "short"
    abstain: bool = True
    system_template: str | None = None
    template: str | None = None
    few_shot: list[dict[str, Any]] = []

    #: The user prompt where `template` is None.
    _shipped_template: ClassVar[str] = "user.jinja2"

    _system: Template | None = PrivateAttr(default=None)
    _user: Template | None = PrivateAttr(default=None)

    @property
    def inputs(self) -> "StepColumns":
        """`question` and `contexts`."""
        return ["question", "contexts"]

    @property
    def outputs(self) -> "StepColumns":
        """The columns that are added."""
        return ["answer", "abstained", "answer_reason", "model_name"]

    def load(self) -> None:
        """Compiles the templates and loads the LLM."""
        self._system = self._compile("system_template", f"{self.style}.jinja2")
        self._user = self._compile("template", self._shipped_template)
        for number, example in enumerate(self.few_shot, start=1):
            if missing := {"question", "contexts", "answer"} - example.keys():
                raise DistilabelUserError(
                    f"few_shot: example {number} has {sorted(example)}, expected `question`,"
                    f" `contexts` and `answer`; missing: {sorted(missing)}."
                )
            answer = example["answer"]
            if not isinstance(example["question"], str) or not isinstance(answer, str | None):
                raise DistilabelUserError(
                    f"few_shot: example {number} has question {example['question']!r} and answer"
                    f" {answer!r}, expected text (None as an answer is an abstention)."
                )
        super().load()

    def _compile(self, setting: str, shipped: str) -> Template:
        source = getattr(self, setting)
        if source is None:
            source = (files("distilabel_rag4rag.steps.tasks") / "templates" / shipped).read_text(
                "utf-8"
            )
        try:
            template = SANDBOX.from_string(source)
            if setting == "template":
                row = {"question": "\x01?", "contexts": ["\x02."]}
                text = template.render(self._template_values(row, '"""'))
                if "\x01" not in text or "\x02" not in text:
                    raise DistilabelUserError(
                        "template: expected a Jinja2 template that uses `question` and"
                        f" `passages`, found {source!r}."
                    )
            else:
                template.render(abstain=self.abstain, marker=MARKER, fence='"""')
        except TemplateError as error:
            raise DistilabelUserError(
                f"{setting} is not a usable Jinja2 template: {error}"
            ) from error
        return template

    def format_input(self, input: dict[str, Any]) -> "ChatType":
        """The conversation: instructions, worked examples, then the question and its passages.

        Args:
            input: a row with `question` and `contexts`.
        """
        assert self._system is not None, "load() compiles the templates"
        assert self._user is not None
        fence = fence_for(
            [text for row in [*self.few_shot, input] for text in as_passages(row["contexts"])]
        )
        system = self._system.render(abstain=self.abstain, marker=MARKER, fence=fence)
        messages = [{"role": "system", "content": system.strip()}]
        for row in [*self.few_shot, input]:
            text = self._user.render(self._template_values(row, fence))
            messages.append({"role": "user", "content": text.strip()})
            if row is not input:
                answer = row["answer"]
                messages.append(
                    {"role": "assistant", "content": MARKER if answer is None else answer}
                )
        return messages  # type: ignore[return-value]

    def _template_values(self, row: dict[str, Any], fence: str) -> dict[str, Any]:
        """What the template of the user prompt gets."""
        return {
            "question": " ".join(row["question"].split()),
            "passages": as_passages(row["contexts"]),
            "fence": fence,
            "style": self.style,
        }

    def format_output(
        self, output: str | None, input: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """What the reply says, as `read_reply` reads it: an answer, an abstention, or a reason.

        Args:
            output: the LLM's text, None where it gave nothing.
            input: the row, for its question and passages.
        """
        row = input or {}
        return read_reply(
            output,
            question=row.get("question") or "",
            passages=as_passages(row.get("contexts")),
            short=self.style == "short",
            abstain=self.abstain,
        ).columns()

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Asks the LLM for each row that has a question and passages; the others are marked.

        Args:
            inputs: rows with `question` and `contexts`.

        Yields:
            The rows in order, each `num_generations` times, or once with lists where
            `group_generations` is set.
        """
        skipped = [self._skip(row) for row in inputs]
        asked = [row for row, skip in zip(inputs, skipped, strict=True) if skip is None]
        answered: Iterator[dict[str, Any]] = iter(())
        if asked:
            answered = iter(next(super().process(asked)))  # type: ignore[arg-type]
        times: int = 1 if self.group_generations else self.num_generations  # type: ignore[assignment]
        rows = []
        for row, skip in zip(inputs, skipped, strict=True):
            for _ in range(times):
                rows.append(
                    self._with_cause(next(answered)) if skip is None else self._marked(row, skip)
                )
        yield rows

    def _with_cause(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with the LLM's own words about why there is no text."""
        metadata, reasons = row.get(DISTILABEL_METADATA_KEY), row["answer_reason"]
        if self.group_generations:
            errors = [llm_error(m, self.name) for m in metadata or ()]
            reasons = [e or r for e, r in zip_longest(errors, reasons)]
            return {**row, "answer_reason": reasons}
        return {**row, "answer_reason": llm_error(metadata, self.name) or reasons}

    def _skip(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """The outputs of a row that the LLM is not asked about, None for all others."""
        if not has_text(row["question"]):
            return Reply(None, reason=EMPTY_QUESTION).columns()
        if not as_passages(row["contexts"]):
            # Without passages there is nothing to answer from: an abstention, and a failed row
            # only where abstaining is switched off.
            return Reply(None, abstained=self.abstain, reason=NO_PASSAGES).columns()
        return None

    def _marked(self, row: dict[str, Any], outputs: dict[str, Any]) -> dict[str, Any]:
        outputs = self._create_metadata(dict(outputs), None, None)
        if self.group_generations:
            outputs = {name: [value] * self.num_generations for name, value in outputs.items()}  # type: ignore[operator]
        return {**row, **outputs, "model_name": self.llm.model_name}
