"""QuestionGeneration: passages -> the questions that people who need them would ask."""

import random
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, get_args

from distilabel.constants import DISTILABEL_METADATA_KEY
from distilabel.errors import DistilabelUserError
from distilabel.steps import StepInput
from distilabel.steps.tasks import Task
from jinja2 import Template, TemplateError
from pydantic import Field, PrivateAttr, field_validator

from distilabel_rag4rag.data.identity import passage_id, question_id
from distilabel_rag4rag.data.self_contained import unclear_reference
from distilabel_rag4rag.data.word_support import word_support, words_of
from distilabel_rag4rag.models.llms.output_check import llm_error
from distilabel_rag4rag.schema import NO_PASSAGES, NO_QUESTION, OF_AN_EXAMPLE
from distilabel_rag4rag.steps.tasks.grounded_answer_generation import SANDBOX, fence_for
from distilabel_rag4rag.steps.tasks.replies import NoAnswerError
from distilabel_rag4rag.steps.tasks.replies.context import Context
from distilabel_rag4rag.steps.tasks.replies.questions import (
    TypedQuestion,
    is_question,
    read_questions,
    unique,
)
from distilabel_rag4rag.steps.tasks.replies.refusals import holds_marker, without_refusals
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import has_text

if TYPE_CHECKING:
    from distilabel.typing import ChatType, StepColumns, StepOutput

QuestionType = Literal[
    "factoid", "why_how", "comparison", "yes_no", "keyword", "claim", "unanswerable"
]
#: What the prompt says of each type.
DESCRIPTIONS: dict[str, str] = {
    "factoid": "a question about a name, a number, a date or a place that the passage states",
    "why_how": "a question with why or how",
    "comparison": "a question that compares two things which the passage speaks of",
    "yes_no": "a question that yes or no answers",
    "keyword": "a search query of two to six keywords, not a sentence",
    "claim": "a statement of fact that the passage supports, for a reader who wants to verify it",
    "unanswerable": "a question on the same topic that the passage does not answer",
}
UNANSWERABLE = "unanswerable"
#: Types that are no questions, and what all others have in common.
_OTHER_FORMS, _QUESTION = ("keyword", "claim"), "question"

_HEADING = re.compile(r"#{1,6} ")
# What a row carries through the LLM's call, and no longer.
_PLAN = "question_plan"
_FOUND = "questions_found"


@public
class QuestionGeneration(Task):
    """Write the questions that a passage answers, as people who do not know it would ask them.

    Each passage becomes `num_questions` rows, in its place in the order. Where there are more
    types than questions, the passage's text decides which come first, so that over a corpus all
    types come about equally often. A passage about which no question is written stays one row,
    with None and a reason. A question that comes again for the same passage is left out, as is one
    with a name or number that stands in a worked example and not in the passage.

    Attributes:
        num_questions: how many questions a passage gets. Defaults to `3`.
        question_types: of factoid, why_how, comparison, yes_no, keyword (a search query), claim
            (a statement to verify) and unanswerable (with which abstention is measured). Defaults
            to factoid, why_how and keyword.
        from_sentences: ask for one question at a time, about one sentence of the passage, drawn
            with `seed`: for small LLMs, which write one question well and a list of them badly.
            Sentences with a "he" or "this" that they do not explain are drawn last, and before
            them those for which no example has a pattern. Defaults to `False`.
        few_shot: worked examples, sent as earlier turns: dicts with `context` and `questions`, a
            list of dicts with `type` and `question`; optionally `title`, and, with
            `from_sentences`, `pattern`: a regular expression. A sentence gets the examples of the
            first pattern that is found in it, or those without one, and its question their type:
            small LLMs ask as the examples do. Keywords and claims get examples of their own type,
            where there are some.
        system_template: a Jinja2 template in the place of the system prompt; it gets what
            `template` gets.
        template: a Jinja2 template in the place of the user prompt; it gets `passage`, `title`,
            `headings`, `sentence` (None unless `from_sentences`), `types`, `descriptions` and
            `fence`, and must use `passage` or `sentence`.
        seed: of the sentences that are drawn. Defaults to `0`.

    Input columns:
        - context (`str`): the passage.
        - passage_id (`str`, optional): its id.
        - title (`str`, optional): its document's title.
        - heading_path (`List[str]`, optional): the headings above it.
        - keep_row_after_passage (`bool`, optional): False for passages not to be asked about.
        - passage_reason (`str`, optional): why not.

    Output columns:
        - id (`str`): stable id of the question and its passage.
        - question (`str`): the question, or None.
        - question_type (`str`): its type, or None.
        - answerable (`bool`): False for unanswerable questions, else None.
        - question_reason (`str`): why `question` is None, or None.
        - model_name (`str`): the LLM.

    Categories:
        - text-generation

    References:
        - [Promptagator](https://arxiv.org/abs/2209.11755)

    Examples:
        Two questions about one passage:

        ```python
        from distilabel_rag4rag import QuestionGeneration
        from distilabel_rag4rag.testing import ScriptedLLM

        reply = '''1. factoid: In which town was the kettle cast?
        2. keyword: kettle Torgau 1712'''
        task = QuestionGeneration(
            llm=ScriptedLLM(default=reply), num_questions=2, question_types=["factoid", "keyword"]
        )
        task.load()
        rows = next(task.process([{"context": "The kettle was cast in Torgau in 1712."}]))
        assert [row["question_type"] for row in rows] == ["factoid", "keyword"]
        ```
    """

    num_questions: int = Field(default=3, ge=1)
    question_types: list[QuestionType] = ["factoid", "why_how", "keyword"]
    from_sentences: bool = False
    few_shot: list[dict[str, Any]] = []
    system_template: str | None = None
    template: str | None = None
    seed: int = 0

    _system: Template | None = PrivateAttr(default=None)
    _user: Template | None = PrivateAttr(default=None)
    _words_of_examples: set[str] = PrivateAttr(default_factory=set)

    @field_validator("question_types")
    @classmethod
    def _check_types(cls, types: list[str]) -> list[str]:
        if not types or len(set(types)) < len(types):
            raise ValueError(f"expected one or more of {get_args(QuestionType)}, each once")
        return types

    @property
    def inputs(self) -> "StepColumns":
        """The passage; what is known of it is optional."""
        optional = (
            "passage_id", "title", "heading_path", "keep_row_after_passage", "passage_reason",
        )  # fmt: skip
        return {"context": True, **dict.fromkeys(optional, False)}

    @property
    def outputs(self) -> "StepColumns":
        """The columns that are added."""
        return [
            "id",
            "question",
            "question_type",
            "answerable",
            "question_reason",
            "model_name",
        ]

    def load(self) -> None:
        """Compiles the templates and loads the LLM."""
        self._system = self._compile("system_template", "questions_system.jinja2")
        self._user = self._compile("template", "questions_user.jinja2")
        for number, example in enumerate(self.few_shot, start=1):
            if missing := {"context", "questions"} - example.keys():
                raise DistilabelUserError(
                    f"few_shot: example {number} has {sorted(example)}, expected `context` and"
                    f" `questions`; missing: {sorted(missing)}."
                )
            try:
                re.compile(example.get("pattern") or "")
            except re.error as error:
                raise DistilabelUserError(
                    f"few_shot: example {number} has the pattern {example['pattern']!r}, expected a"
                    f" regular expression: {error}"
                ) from error
        self._words_of_examples = {
            word for example in self.few_shot for word, _, _ in words_of(example["context"])
        }
        super().load()

    def _compile(self, setting: str, shipped: str) -> Template:
        source = getattr(self, setting)
        if source is None:
            folder = files("distilabel_rag4rag.steps.tasks") / "templates"
            source = (folder / shipped).read_text("utf-8")
        try:
            template = SANDBOX.from_string(source)
            for kind in self.question_types:  # a template may ask for each in another way
                text = template.render(**self._variables({"context": "\x01"}, [kind], "\x02"))
        except TemplateError as error:
            raise DistilabelUserError(
                f"{setting} is not a usable Jinja2 template: {error}"
            ) from error
        if setting == "template" and not {"\x01", "\x02"} & set(text):
            raise DistilabelUserError(
                "template: expected a Jinja2 template that uses `passage` or `sentence`, found"
                f" {source!r}."
            )
        return template

    def _variables(
        self, row: dict[str, Any], types: list[str], sentence: str | None
    ) -> dict[str, Any]:
        texts = [row["context"], *(example["context"] for example in self.few_shot)]
        return {
            "passage": row["context"],
            "title": row.get("title"),
            "headings": row.get("heading_path") or [],
            "sentence": sentence,
            "types": types,
            "descriptions": DESCRIPTIONS,
            "fence": fence_for(texts),
        }

    def format_input(self, input: dict[str, Any]) -> "ChatType":
        """The conversation: instructions, worked examples, then the passage.

        Args:
            input: a row with `context`.
        """
        assert self._system is not None, "load() compiles the templates"
        assert self._user is not None
        types, sentence = input.get(_PLAN) or (self._types(0), None)
        variables = self._variables(input, types, sentence)
        messages = [{"role": "system", "content": self._system.render(**variables).strip()}]
        for example in self._examples(sentence, types[0]):
            messages += self._turns(example, variables["fence"])
        messages.append({"role": "user", "content": self._user.render(**variables).strip()})
        return messages  # type: ignore[return-value]

    def _examples(self, sentence: str | None, kind: str) -> list[dict[str, Any]]:
        """All worked examples, or those for a sentence and what is asked about it."""
        if sentence is None:
            return self.few_shot
        forms = [_form(_type_of(example)) for example in self.few_shot]
        form = _form(kind) if _form(kind) in forms else _QUESTION
        own = [e for e, found in zip(self.few_shot, forms, strict=True) if found == form]
        pattern = _pattern(sentence, own)
        return [example for example in own if example.get("pattern") == pattern]

    def _turns(self, example: dict[str, Any], fence: str) -> list[dict[str, str]]:
        import json

        assert self._user is not None
        questions = example["questions"]
        types = [question["type"] for question in questions]
        sentence = example["context"] if self.from_sentences else None
        user = self._user.render(**(self._variables(example, types, sentence) | {"fence": fence}))
        reply = (
            questions[0]["question"]
            if self.from_sentences
            else json.dumps(questions, ensure_ascii=False)
        )
        return [
            {"role": "user", "content": user.strip()},
            {"role": "assistant", "content": reply},
        ]

    def format_output(
        self, output: str | None, input: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The questions in the reply, or the reason why there are none.

        Args:
            output: the LLM's text, None where it gave nothing.
            input: the row.
        """
        types: list[str] = ((input or {}).get(_PLAN) or (self._types(0), None))[0]
        try:
            found = read_questions(output, types)
        except NoAnswerError as error:
            return {_FOUND: [], "question_reason": error.reason}
        if len(types) == 1:
            found = [TypedQuestion(found[0].text, types[0])]
        elif not any(question.type for question in found):
            found = _with_types(found, types)
        found = [question for question in found if _is_of_its_type(question)]
        if not found:
            return {_FOUND: [], "question_reason": NO_QUESTION}
        found = [
            question for question in found if not self._is_of_an_example(question, input or {})
        ]
        if not found:
            return {_FOUND: [], "question_reason": OF_AN_EXAMPLE}
        return {_FOUND: unique(found)[: len(types)], "question_reason": None}

    def _is_of_an_example(self, question: TypedQuestion, row: dict[str, Any]) -> bool:
        """Whether it holds a name or number that a worked example has and its passage has not."""
        own = [row.get("context"), row.get("title"), *(row.get("heading_path") or ())]
        missing = word_support(question.text, [text for text in own if has_text(text)]).strict
        return any(
            {word for word, _, _ in words_of(name)} & self._words_of_examples for name in missing
        )

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Asks the LLM about each passage, and makes a row of each question.

        Args:
            inputs: rows with `context`.

        Yields:
            The questions of the passages, in the order of the passages.
        """
        plans = [self._plans(row) for row in inputs]
        asked = [
            {**row, _PLAN: plan} for row, own in zip(inputs, plans, strict=True) for plan in own
        ]
        replies: Iterator[dict[str, Any]] = iter(())
        if asked:
            replies = iter(next(super().process(asked)))  # type: ignore[arg-type]
        rows = []
        for row, own in zip(inputs, plans, strict=True):
            count = len(own) * (self.num_generations or 1)
            rows += list(self._questions(row, [next(replies) for _ in range(count)]))
        yield rows

    def _plans(self, row: dict[str, Any]) -> list[tuple[list[str], str | None]]:
        """What the LLM is asked about a passage: for each call the types, and the sentence."""
        if not has_text(row["context"]) or row.get("keep_row_after_passage") is False:
            return []
        types = self._types(int(passage_id(row["context"]), 16))
        if not self.from_sentences:
            return [(types, None)]
        sentences = self._sentences(row)
        return [
            ([self._type(sentence, kind)], sentence)
            for kind, sentence in zip(types, sentences, strict=False)
        ]

    def _type(self, sentence: str, kind: str) -> str:
        """The one type of the examples for a sentence, where it is asked for, or the turn's."""
        examples = self._examples(sentence, kind)
        if not examples or examples[0].get("pattern") is None:
            return kind
        types = {question["type"] for example in examples for question in example["questions"]}
        return next(iter(types)) if len(types) == 1 and types <= {*self.question_types} else kind

    def _types(self, first: int) -> list[str]:
        known = self.question_types
        return [known[(first + number) % len(known)] for number in range(self.num_questions)]

    def _sentences(self, row: dict[str, Any]) -> list[str]:
        """Sentences to ask about, as many as questions, in their order."""
        from distilabel_rag4rag.data.words import count_words, sentences_of

        text = row["context"]
        sentences = [" ".join(sentence.split()) for sentence in sentences_of(text)]
        usable = [
            sentence
            for sentence in sentences
            if 6 <= count_words(sentence) <= 60 and not _HEADING.match(sentence)
        ]
        usable = usable or [" ".join(text.split())]
        draw = random.Random(f"{self.seed}-{text}")
        order = draw.sample(range(len(usable)), len(usable))
        order.sort(key=lambda number: self._drawn_last(usable[number]))
        chosen = order[: self.num_questions]
        return [usable[number] for number in sorted(chosen)]

    def _drawn_last(self, sentence: str) -> tuple[bool, bool]:
        has_patterns = any(example.get("pattern") for example in self.few_shot)
        return (
            unclear_reference(sentence) is not None,
            has_patterns and _pattern(sentence, self.few_shot) is None,
        )

    def _questions(
        self, row: dict[str, Any], replies: list[dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        """A row for each question of a passage, or one with the reason why there is none."""
        seen: set[str] = set()
        for reply in replies:
            # Tokens were used once: only the first row of a reply tells of them.
            metadata = reply.get(DISTILABEL_METADATA_KEY)
            for question in reply[_FOUND]:
                if question.text.casefold() in seen:
                    continue
                seen.add(question.text.casefold())
                yield self._row(row, question, None, metadata)
                metadata = None
        if not seen:
            causes = [
                llm_error(reply.get(DISTILABEL_METADATA_KEY), self.name) or reply["question_reason"]
                for reply in replies
            ]
            reason = (causes or [row.get("passage_reason") or NO_PASSAGES])[0]
            metadata = replies[0].get(DISTILABEL_METADATA_KEY) if replies else None
            yield self._row(row, None, reason, metadata)

    def _row(
        self,
        row: dict[str, Any],
        question: TypedQuestion | None,
        reason: str | None,
        metadata: dict[str, Any] | None,
    ) -> dict[str, Any]:
        text = question and question.text
        out = {
            **row,
            "id": question_id(
                row.get("passage_id") or passage_id(row["context"] or ""), text or ""
            ),
            "question": text,
            "question_type": question and question.type,
            "answerable": False if question and question.type == UNANSWERABLE else None,
            "question_reason": reason,
            "model_name": self.llm.model_name,
        }
        return {**out, DISTILABEL_METADATA_KEY: metadata or {}}


def _pattern(sentence: str, examples: list[dict[str, Any]]) -> str | None:
    """The first pattern of an example that is found in a sentence."""
    patterns = dict.fromkeys(example.get("pattern") for example in examples)
    return next((one for one in patterns if one and re.search(one, sentence)), None)


def _type_of(example: dict[str, Any]) -> str:
    return next((str(question["type"]) for question in example["questions"]), "")


def _form(kind: str) -> str:
    """What examples must have in common with what is asked for."""
    return kind if kind in _OTHER_FORMS else _QUESTION


def _with_types(found: list[TypedQuestion], types: list[str]) -> list[TypedQuestion]:
    """Each question with the first of the types left over that it can be of."""
    left, typed = list(types), []
    for question in found:
        fitting = [t for t in left if _is_of_its_type(question._replace(type=t))]
        if fitting:
            left.remove(fitting[0])
            typed.append(question._replace(type=fitting[0]))
    return typed


def _is_of_its_type(question: TypedQuestion) -> bool:
    """Whether it can be what its type says: a statement is no question, nor keywords."""
    if holds_marker(question.text, Context()) or not without_refusals(question.text, Context()):
        return False
    if question.type == "keyword":
        return not question.text.endswith((".", "!", "?", "？"))
    return question.type == "claim" or is_question(question.text)
