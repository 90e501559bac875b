"""The arms: functions that return an ordinary Pipeline. They differ in how a question is answered
and share everything else: the rows, the LLM, the evidence they are judged against, the judge.

    rows ─ zero_shot:    ZeroShotAnswerGeneration ─────────────────┐
         ─ gold_context: GroundedAnswerGeneration(context) ────────┼─ complete ─ judge ─ mark
         ─ rag4rag:      FaissRetrieve ─ GroundedAnswerGeneration ─┘
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from distilabel.models.embeddings.base import Embeddings
from distilabel.models.llms import LLM
from distilabel.pipeline import Pipeline
from distilabel.steps import Step
from distilabel.steps.base import _Step

from distilabel_rag4rag.models.llms.cached_llm import CachedLLM, cached
from distilabel_rag4rag.schema import GOLD_CONTEXT, RAG4RAG, ZERO_SHOT
from distilabel_rag4rag.steps.columns import AnswerFromColumn, CompleteAnswer
from distilabel_rag4rag.steps.filtering import MarkGrounded
from distilabel_rag4rag.steps.generators.load_rows import LoadRows
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge
from distilabel_rag4rag.steps.retrieval.faiss_retrieve import FaissRetrieve
from distilabel_rag4rag.steps.retrieval.faiss_retrieve_from_rows import FaissRetrieveFromRows
from distilabel_rag4rag.steps.tasks.closed_book_answer_generation import (
    ClosedBookAnswerGeneration,
)
from distilabel_rag4rag.steps.tasks.grounded_answer_generation import GroundedAnswerGeneration
from distilabel_rag4rag.steps.tasks.zero_shot_answer_generation import ZeroShotAnswerGeneration

if TYPE_CHECKING:
    from datasets import Dataset

#: What the arms take their rows from: anything that `LoadRows` reads, or a LoadRows.
Source: TypeAlias = "str | Path | list[dict[str, Any]] | Dataset | LoadRows | None"

Style: TypeAlias = Literal["short", "sentence"]
#: How the closed-book arm asks.
ZeroShotPrompt: TypeAlias = Literal["published", "plain"]
#: The column that answers are judged against.
Evidence: TypeAlias = Literal["context", "retrieved_contexts"]

StepT = TypeVar("StepT", bound=_Step)


def zero_shot(
    rows: Source = None,
    *,
    llm: LLM,
    judge: LettuceDetectJudge,
    retrieve: FaissRetrieve | None = None,
    prompt: ZeroShotPrompt = "published",
    threshold: float = 0.5,
    style: Style = "short",
    abstain: bool = True,
    batch_size: int = 50,
    name: str = "zero-shot",
    pipeline_class: type[Pipeline] = Pipeline,
) -> Pipeline:
    """The closed-book baseline: the LLM answers from memory.

    As published it is asked what distilabel's `GenerateSentencePair` asks with the published
    settings, `triplet=True`, `action="answer"` and `context="context"`: a literal word, so the LLM
    never sees the passage. LLMs that do not write the headings that this asks for can be asked
    plainly.

    Args:
        rows: what `LoadRows` reads (None is the sample world), or a `LoadRows` made outside.
        llm: any distilabel LLM.
        judge: the judge, made outside a pipeline; the arm makes its own of the same settings.
        retrieve: retrieves what answers are judged against, for questions that have no source
            passage; made outside a pipeline, like the judge.
        prompt: `published`, or `plain`, which asks the question and nothing else.
        threshold: the hallucination score from which on an answer is flagged.
        style: `short` answers or full `sentence`s; in every arm answers are cleaned alike.
        abstain: whether a refusal is an abstention rather than an answer.
        batch_size: rows per batch; the LLM's are larger, so that it is kept busy.
        name: the pipeline's name.
        pipeline_class: the class of the pipeline.
    """
    with pipeline_class(name=name) as pipeline:
        (
            _load(rows, batch_size, retrieve)
            >> _closed_book(llm, prompt, style, batch_size)
            >> _judged(judge, threshold, style, abstain, batch_size, _evidence(retrieve))
        )
    return pipeline


def gold_context(
    rows: Source = None,
    *,
    llm: LLM,
    judge: LettuceDetectJudge,
    answer: dict[str, Any] | None = None,
    threshold: float = 0.5,
    style: Style = "short",
    abstain: bool = True,
    batch_size: int = 50,
    name: str = "gold-context",
    pipeline_class: type[Pipeline] = Pipeline,
) -> Pipeline:
    """The source passage itself in the prompt: what the baseline was meant to be, and the
    ceiling of what retrieval can reach.

    Args:
        rows, llm, judge, threshold, style, abstain, batch_size, name, pipeline_class: as in
            `zero_shot`.
        answer: further settings of `GroundedAnswerGeneration`, such as `few_shot`.
    """
    with pipeline_class(name=name) as pipeline:
        answering = _answer(llm, "context", answer, style, abstain, batch_size)
        (
            _load(rows, batch_size)
            >> answering
            >> _judged(judge, threshold, style, abstain, batch_size)
        )
    return pipeline


def rag4rag(
    rows: Source = None,
    *,
    llm: LLM,
    judge: LettuceDetectJudge,
    embeddings: Embeddings,
    corpus: Source = "rows",
    k: int = 1,
    retrieve: dict[str, Any] | None = None,
    evidence: Evidence = "context",
    answer: dict[str, Any] | None = None,
    threshold: float = 0.5,
    style: Style = "short",
    abstain: bool = True,
    batch_size: int = 50,
    name: str = "rag4rag",
    pipeline_class: type[Pipeline] = Pipeline,
) -> Pipeline:
    """Passages retrieved with faiss in the prompt.

    Args:
        rows, llm, judge, threshold, style, abstain, batch_size, name, pipeline_class: as in
            `zero_shot`.
        embeddings: any distilabel Embeddings.
        corpus: where to retrieve from, as `FaissRetrieve` takes it; `"rows"` is the published
            way, the unique passages of the rows themselves.
        k: passages per question; 1, as published.
        retrieve: further settings of `FaissRetrieve`, such as `min_score` or `query_prompt`.
        evidence: what answers are judged against: the source passage, or, for questions that
            have none, what was retrieved.
        answer: further settings of `GroundedAnswerGeneration`, such as `few_shot`.
    """
    with pipeline_class(name=name) as pipeline:
        settings = {"embeddings": embeddings, "k": k, **(retrieve or {})}
        retrieving = (
            FaissRetrieveFromRows(name="retrieve", **settings)
            if isinstance(corpus, str) and corpus == "rows"
            else FaissRetrieve(
                name="retrieve", corpus=corpus, input_batch_size=batch_size, **settings
            )
        )
        answering = _answer(llm, "retrieved_contexts", answer, style, abstain, batch_size)
        (
            _load(rows, batch_size)
            >> retrieving
            >> answering
            >> _judged(judge, threshold, style, abstain, batch_size, evidence)
        )
    return pipeline


def human(
    rows: Source = None,
    *,
    judge: LettuceDetectJudge,
    retrieve: FaissRetrieve | None = None,
    threshold: float = 0.5,
    batch_size: int = 50,
    name: str = "human",
    pipeline_class: type[Pipeline] = Pipeline,
) -> Pipeline:
    """The human answers under the same judge: what it flags there are its false alarms.

    Args:
        rows, judge, retrieve, threshold, batch_size, name, pipeline_class: as in `zero_shot`.
    """
    with pipeline_class(name=name) as pipeline:
        answer = AnswerFromColumn(name="answer", input_batch_size=batch_size)
        (
            _load(rows, batch_size, retrieve)
            >> answer
            >> _judged(judge, threshold, "sentence", False, batch_size, _evidence(retrieve))
        )
    return pipeline


#: The arms by name, in the order in which they are reported.
ARMS = {ZERO_SHOT: zero_shot, GOLD_CONTEXT: gold_context, RAG4RAG: rag4rag}


def _load(rows: Any, batch_size: int, retrieve: FaissRetrieve | None = None) -> Step:
    """Loads the rows, and retrieves for them where they have no evidence of their own."""
    load = (
        placed(rows, name="load", batch_size=batch_size)
        if isinstance(rows, LoadRows)
        else LoadRows(name="load", source=rows, batch_size=batch_size)
    )
    if retrieve is None:
        return load  # type: ignore[return-value]
    retrieving = placed(retrieve, name="retrieve", input_batch_size=batch_size)
    load >> retrieving
    return retrieving


def _evidence(retrieve: FaissRetrieve | None) -> Evidence:
    return "context" if retrieve is None else "retrieved_contexts"


def _isolated(llm: LLM) -> CachedLLM:
    """An LLM of which one failing request costs its own row alone, with its reason."""
    return cached(llm, enabled=False)


def _closed_book(llm: LLM, prompt: ZeroShotPrompt, style: Style, batch_size: int) -> Step:
    asked = _isolated(llm)
    settings: dict[str, Any] = {
        "name": "answer",
        "llm": asked,
        "input_batch_size": max(batch_size, asked.rows_at_once),
    }
    if prompt == "plain":
        return ClosedBookAnswerGeneration(style=style, **settings)
    return ZeroShotAnswerGeneration(
        input_mappings={"anchor": "question"}, output_mappings={"positive": "answer"}, **settings
    )


def _answer(
    llm: LLM,
    contexts: str,
    settings: dict[str, Any] | None,
    style: Style,
    abstain: bool,
    batch_size: int,
) -> GroundedAnswerGeneration:
    asked = _isolated(llm)
    return GroundedAnswerGeneration(
        name="answer",
        llm=asked,
        style=style,
        abstain=abstain,
        input_mappings={"contexts": contexts},
        input_batch_size=max(batch_size, asked.rows_at_once),
        **(settings or {}),
    )


def _judged(
    judge: LettuceDetectJudge,
    threshold: float,
    style: Style,
    abstain: bool,
    batch_size: int,
    evidence: Evidence = "context",
) -> Sequence[Step]:
    """The steps that all arms end with. The evidence is the same in every arm."""
    complete = CompleteAnswer(
        name="complete", style=style, abstain=abstain, input_batch_size=batch_size
    )
    judging = placed(judge, name="judge", input_mappings={"contexts": evidence})
    mark = MarkGrounded(name="mark", threshold=threshold, input_batch_size=batch_size)
    complete >> judging >> mark
    return [complete]


def placed(step: StepT, **changes: Any) -> StepT:
    """A step that was made outside a pipeline, made again inside the current one."""
    given = {field: getattr(step, field) for field in step.model_fields_set - {"name", "pipeline"}}
    return type(step)(**{**given, **changes})
