"""From documents to training data: the graphs that `rag4rag build` runs."""

from collections.abc import Sequence
from typing import Any

from distilabel.models.embeddings.base import Embeddings
from distilabel.models.llms import LLM
from distilabel.pipeline import Pipeline
from distilabel.steps import GeneratorStep, LoadDataFromDicts
from distilabel.steps.base import _Step

from distilabel_rag4rag.models.llms.cached_llm import cached
from distilabel_rag4rag.pipelines.arms import Style, placed
from distilabel_rag4rag.steps.columns import CompleteAnswer
from distilabel_rag4rag.steps.filtering import (
    MarkAnswersQuestion,
    MarkDuplicateQuestions,
    MarkGrounded,
    MarkInformative,
    MarkLanguage,
    MarkQuestionLength,
    MarkRoundTrip,
    MarkSelfContained,
    MarkWordsSupported,
)
from distilabel_rag4rag.steps.generators.load_documents import LoadDocuments
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge
from distilabel_rag4rag.steps.negatives import MineHardNegatives
from distilabel_rag4rag.steps.retrieval.faiss_retrieve import FaissRetrieve
from distilabel_rag4rag.steps.tasks.grounded_answer_generation import GroundedAnswerGeneration
from distilabel_rag4rag.steps.tasks.question_generation import QuestionGeneration
from distilabel_rag4rag.steps.tasks.repair_answer import RepairAnswer

#: How far down the embedder's list a question's own passage is looked for.
RANK_DEPTH = 100
#: The checks of a row alone whose rows count when duplicates are looked for.
FIRST_CHECKS = ("grounding", "informative", "answers_question", "self_contained")

Settings = dict[str, Any]


def build(
    passages: LoadDocuments | Sequence[dict[str, Any]],
    *,
    llm: LLM,
    judge: LettuceDetectJudge,
    embeddings: Embeddings,
    corpus: Any,
    question_llm: LLM | None = None,
    question: Settings | None = None,
    k: int = 1,
    answer: Settings | None = None,
    repair: Settings | None = None,
    negatives: Settings | None = None,
    threshold: float = 0.5,
    style: Style = "short",
    check_language: bool = True,
    checks: Sequence[str] = FIRST_CHECKS,
    all_at_once: bool = True,
    batch_size: int = 32,
    name: str = "build",
    pipeline_class: type[Pipeline] = Pipeline,
) -> Pipeline:
    """Documents to questions with answers, checks and hard negatives, as one graph.

    Every row is marked by every check and none is dropped; put `KeepMarked` behind it, or give the
    rows to `export_training_data`.

    Args:
        passages: a `LoadDocuments`, made outside a pipeline like the judge; or rows with `context`
            and what `LoadDocuments` says of them.
        llm: any distilabel LLM; it answers, and repairs answers.
        judge: the judge.
        embeddings: any distilabel Embeddings.
        corpus: all passages, as `FaissRetrieve` takes them: a file of them, or a list.
        question_llm: writes the questions; None is `llm`.
        question: settings of `QuestionGeneration`, such as `num_questions`.
        k: passages that a question is answered from.
        answer: further settings of `GroundedAnswerGeneration`, such as `few_shot`.
        repair: settings of `RepairAnswer`, such as `rounds`; its judge has the settings of `judge`
            where none are given. None leaves flagged answers as they are.
        negatives: settings of `MineHardNegatives`, such as `num_negatives`.
        threshold: the hallucination score from which on an answer is flagged.
        style: `short` answers or full `sentence`s.
        check_language: whether the question must be in its passage's language; needs the extra
            `documents`.
        checks: a row that did not pass one of these makes no other row a duplicate.
        all_at_once: whether the steps that need all rows are part of the graph. Without them it
            can be run on a part of the passages, and `select` on the rows of all parts.
        batch_size: passages, and questions, per batch.
        name: the pipeline's name.
        pipeline_class: the class of the pipeline.
    """
    with pipeline_class(name=name) as pipeline:
        load = _load(passages, batch_size)
        steps = [
            *_asking(question_llm or llm, embeddings, corpus, k, question, batch_size),
            *_answering(llm, judge, answer, repair, threshold, style, batch_size),
            *_row_checks(check_language, batch_size),
            *(_corpus_steps(embeddings, corpus, negatives, judge, checks) if all_at_once else ()),
        ]
        _chain(load, steps)
    return pipeline


def select(
    rows: Sequence[dict[str, Any]],
    *,
    embeddings: Embeddings,
    corpus: Any,
    judge: LettuceDetectJudge,
    negatives: Settings | None = None,
    checks: Sequence[str] = FIRST_CHECKS,
    batch_size: int = 1_000,
    name: str = "select",
    pipeline_class: type[Pipeline] = Pipeline,
) -> Pipeline:
    """Rows of `questions` to the same rows with what only all of them together show.

    That is which questions are duplicates, where each question's passage stands by BM25, and hard
    negatives.

    Args:
        rows: what `questions` made.
        embeddings, corpus, judge, negatives, checks, batch_size, name, pipeline_class: as in
            `build`.
    """
    with pipeline_class(name=name) as pipeline:
        _chain(_load(rows, batch_size), _corpus_steps(embeddings, corpus, negatives, judge, checks))
    return pipeline


def _load(rows: LoadDocuments | Sequence[dict[str, Any]], batch_size: int) -> GeneratorStep:
    if isinstance(rows, LoadDocuments):
        return placed(rows, name="load", batch_size=batch_size)
    return LoadDataFromDicts(name="load", data=list(rows), batch_size=batch_size)


def _asking(
    llm: LLM,
    embeddings: Embeddings,
    corpus: Any,
    k: int,
    settings: Settings | None,
    batch_size: int,
) -> list[_Step]:
    asked = cached(llm, enabled=False)
    return [
        QuestionGeneration(
            name="ask",
            llm=asked,
            input_batch_size=max(batch_size, asked.rows_at_once),
            **(settings or {}),
        ),
        FaissRetrieve(
            name="retrieve",
            embeddings=embeddings,
            corpus=corpus,
            k=k,
            rank_depth=RANK_DEPTH,
            input_batch_size=batch_size,
        ),
    ]


def _answering(
    llm: LLM,
    judge: LettuceDetectJudge,
    settings: Settings | None,
    repair: Settings | None,
    threshold: float,
    style: Style,
    batch_size: int,
) -> list[_Step]:
    asked = cached(llm, enabled=False)
    answering: Settings = {
        "llm": asked,
        "style": style,
        "input_batch_size": max(batch_size, asked.rows_at_once),
        **(settings or {}),
    }
    steps: list[_Step] = [
        GroundedAnswerGeneration(
            name="answer", input_mappings={"contexts": "retrieved_contexts"}, **answering
        ),
        CompleteAnswer(name="complete", style=style, input_batch_size=batch_size),
        placed(judge, name="judge", input_mappings={"contexts": "context"}),
        MarkGrounded(name="mark_grounded", threshold=threshold, input_batch_size=batch_size),
    ]
    if repair is not None:
        names = judge.model_fields_set - {"name", "pipeline", "model"}
        judging = {name: getattr(judge, name) for name in sorted(names)}
        repair = {**repair, "judge_settings": {**judging, **repair.get("judge_settings", {})}}
        steps.append(
            RepairAnswer(
                name="repair",
                judge_model=judge.model,
                threshold=threshold,
                input_mappings={"contexts": "context"},
                **{**answering, "template": None, **repair},
            )
        )
    return steps


def _row_checks(check_language: bool, batch_size: int) -> list[_Step]:
    settings: Settings = {"input_batch_size": batch_size}
    evidence = {"contexts": "context"}
    steps: list[_Step] = [
        MarkWordsSupported(name="mark_words_supported", input_mappings=evidence, **settings),
        MarkInformative(name="mark_informative", **settings),
        MarkAnswersQuestion(name="mark_answers_question", input_mappings=evidence, **settings),
        MarkSelfContained(name="mark_self_contained", **settings),
        MarkQuestionLength(name="mark_length", least_words=2, **settings),
    ]
    if check_language:
        steps.append(MarkLanguage(name="mark_language", **settings))
    return steps


def _corpus_steps(
    embeddings: Embeddings,
    corpus: Any,
    negatives: Settings | None,
    judge: LettuceDetectJudge,
    checks: Sequence[str],
) -> list[_Step]:
    steps: list[_Step] = [
        MarkDuplicateQuestions(
            name="mark_duplicates",
            embeddings=embeddings,
            checks=list(checks),
        ),
        MarkRoundTrip(name="mark_round_trip", corpus=corpus),
    ]
    if negatives is not None:
        steps.append(
            MineHardNegatives(
                name="mine", embeddings=embeddings, corpus=corpus, judge=judge.model, **negatives
            )
        )
    return steps


def _chain(load: GeneratorStep, steps: Sequence[_Step]) -> None:
    first = load
    for step in steps:
        first >> step  # type: ignore[operator]
        first = step  # type: ignore[assignment]
