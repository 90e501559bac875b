"""The settings of a build: names, meanings, defaults and bounds, each once."""

from typing import Any

from pydantic import Field, field_validator

from distilabel_rag4rag.experiment.settings import ModelSettings, refused
from distilabel_rag4rag.utils.text import nearest, one_of

#: The types of questions, see `QuestionGeneration`.
QUESTION_TYPES = (
    "factoid",
    "why_how",
    "comparison",
    "yes_no",
    "keyword",
    "claim",
    "unanswerable",
)
#: The checks that a row must pass to be trained on. The round trip is marked as well, but without
#: what the retriever does not find yet there is nothing to learn.
DROPPING = (
    "grounding",
    "informative",
    "answers_question",
    "self_contained",
    "length",
    "language",
    "duplicates",
)
#: Those that look at a row alone.
ROW_CHECKS = ("grounding", "words_supported", *DROPPING[1:-1])
CHECKS = ("grounding", "words_supported", *DROPPING[1:], "round_trip")


class BuildSettings(ModelSettings):
    """Which documents, what is asked of them, by which models, and what is kept."""

    source: str | None = Field(
        None,
        description="The documents: a file or a folder of txt, md, html, pdf, docx, jsonl, csv and"
        " parquet files, or a Hub id. Without it, the sample world.",
    )
    columns: dict[str, str | None] = Field(
        default_factory=dict,
        description="What tables call our columns title and context, e.g. context=body.",
    )
    split: str | None = Field(None, description="Split of a Hub data set.")
    max_tokens: int = Field(
        256, ge=8, description="Longest passage, in tokens of the embedder's tokenizer."
    )
    overlap: int = Field(
        0, ge=0, description="Tokens that a passage has in common with the one before it."
    )
    rows: int | None = Field(
        None,
        ge=1,
        description="Go on until so many rows pass the checks, spread evenly over the documents."
        " Without it, all passages are asked about once.",
    )
    max_questions: int | None = Field(
        None, ge=1, description="Write at most so many questions, whatever rows asks for."
    )
    num_questions: int = Field(3, ge=1, description="Questions per passage.")
    question_types: list[str] | None = Field(
        None,
        description="Types of questions, comma-separated: factoid, why_how, comparison, yes_no,"
        " keyword, claim, unanswerable. Without it, factoid, why_how and keyword (packaged LLM:"
        " factoid and why_how).",
    )
    k: int = Field(1, ge=1, description="Passages that a question is answered from.")
    repair_rounds: int = Field(
        1, ge=0, description="How often a flagged answer is asked for again; 0 never."
    )
    checks: list[str] = Field(
        list(DROPPING),
        description="Checks that a row must pass, comma-separated: grounding, words_supported,"
        " informative, answers_question, self_contained, length, language, duplicates, round_trip."
        " All are made and reported.",
    )
    max_failed: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Share of the LLM's replies that may fail; one that does costs its row alone.",
    )
    negatives: int = Field(5, ge=0, description="Hard negatives per question; 0 for none.")
    estimate: bool = Field(
        False,
        description="Ask about a few passages only, and say what all of them would take and give.",
    )
    price_input: float | None = Field(
        None, ge=0, description="Money per million tokens that the LLM reads, for the estimate."
    )
    price_output: float | None = Field(
        None, ge=0, description="Money per million tokens that the LLM writes."
    )

    @field_validator("checks", "question_types", mode="before")
    @classmethod
    def _split_names(cls, names: Any) -> Any:
        return [name.strip() for name in names.split(",")] if isinstance(names, str) else names

    @field_validator("checks")
    @classmethod
    def _known_checks(cls, checks: list[str]) -> list[str]:
        return _known(checks, CHECKS)

    @field_validator("question_types")
    @classmethod
    def _known_types(cls, types: list[str] | None) -> list[str] | None:
        return None if types is None else _known(types, QUESTION_TYPES)


def _known(names: list[str], known: tuple[str, ...]) -> list[str]:
    if unknown := [name for name in names if name not in known]:
        raise refused(unknown, nearest(unknown[0], known) or one_of(known))
    if len(set(names)) < len(names):
        raise refused(names, "each name once")
    return names
