"""The settings of an experiment: names, meanings, defaults and bounds, each once.

The command line and the config file are derived from this model, so a setting is added here alone.
Nothing heavy is imported: `rag4rag --help` and a misspelled value must not wait for it.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from distilabel_rag4rag.models.packaged import EMBEDDED
from distilabel_rag4rag.utils.text import nearest, one_of

ModelT = TypeVar("ModelT", bound=BaseModel)


class ModelSettings(BaseModel):
    """Which models, and how they are asked; what every experiment has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0, description="Seed of what is drawn at random.")
    llm: str = Field(
        EMBEDDED,
        description="The LLM: embedded, or CLASS:MODEL of distilabel, e.g. OpenAILLM:gpt-4o-mini."
        " Keys come from the environment (OPENAI_API_KEY).",
    )
    llm_set: dict[str, Any] = Field(
        default_factory=dict,
        description="Fields of the LLM, e.g. generation_kwargs.temperature=0.2.",
    )
    embeddings: str = Field(
        EMBEDDED,
        description="The embedder: embedded, or CLASS:MODEL,"
        " e.g. SentenceTransformerEmbeddings:BAAI/bge-small-en-v1.5.",
    )
    embeddings_set: dict[str, Any] = Field(
        default_factory=dict, description="Fields of the embedder."
    )
    judge: str = Field(
        EMBEDDED, description="The judge: embedded, or a LettuceDetect model's folder or Hub id."
    )
    judge_set: dict[str, Any] = Field(
        default_factory=dict, description="Fields of LettuceDetectJudge."
    )
    threshold: float = Field(
        0.5, ge=0.01, le=1, description="Score from which an answer is flagged."
    )
    style: Literal["short", "sentence"] = Field(
        "short", description="Grounded answers: short or sentence."
    )
    batch_size: int = Field(32, ge=1, description="Rows per batch.")
    max_concurrency: int = Field(
        32,
        ge=1,
        description="Requests that an LLM on a server gets at once; fewer while it refuses.",
    )
    requests_per_minute: float | None = Field(
        None, gt=0, description="Most requests that the LLM's server gets in a minute."
    )
    tokens_per_minute: float | None = Field(
        None,
        gt=0,
        description="Most tokens that the LLM's server gets in a minute, estimated as servers do:"
        " a quarter of the characters, and the longest reply.",
    )
    cache: bool = Field(
        True,
        description="Keep and reuse the LLM's answers, and without ray the judge's verdicts, on"
        " disk.",
    )
    max_failed: float = Field(
        0.05, ge=0, le=1, description="Share of the LLM's replies that may fail."
    )
    ray: str | None = Field(
        None,
        description="Run in shards of the rows on a Ray cluster: auto or HOST:PORT, on one of its"
        " nodes, or local for one of this machine.",
    )
    shards: int | None = Field(
        None,
        ge=1,
        description="How many shards (ray). Without it, so many that loading models is a small"
        " part of each.",
    )
    shard_cpus: float = Field(1, ge=0, description="CPUs that a shard holds (ray).")
    shard_gpus: float = Field(0, ge=0, description="GPUs that a shard holds (ray).")


class Settings(ModelSettings):
    """What is asked, of which arms."""

    source: str | None = Field(
        None,
        description="The questions: SQuAD JSON, JSONL, CSV, parquet, a folder saved by datasets, or"
        " a Hub id. Without it, the sample world.",
    )
    columns: dict[str, str | None] = Field(
        default_factory=dict,
        description="What the data calls one of our columns (id, passage_id, title, context,"
        " question, human_answer, human_answers, answerable), e.g. question=anchor; without a"
        " name, e.g. id=, the column is not read.",
    )
    split: str | None = Field(None, description="Split of a Hub data set.")
    corpus: str | None = Field(
        None,
        description="Retrieve from these passages, or documents (txt, md, html, pdf, docx). Without"
        " it, from the questions' own passages.",
    )
    delimiter: str | None = Field(
        None,
        description="What stands between the fields of a CSV or TSV file. Without it, found from"
        " the file.",
    )
    max_tokens: int = Field(
        256,
        ge=8,
        description="Longest passage that documents are cut into, in tokens of the embedder's"
        " tokenizer.",
    )
    limit: int | None = Field(
        None, ge=1, description="Take a sample of so many questions (see seed)."
    )
    arms: list[str] | None = Field(
        None,
        description="Which arms, comma-separated: zero_shot, gold_context, rag4rag. Without it,"
        " all that the questions allow.",
    )
    k: int = Field(1, ge=1, description="Passages per question (rag4rag); 1 as published.")
    abstain: bool = Field(True, description="Whether the LLM may decline to answer.")
    zero_shot_prompt: Literal["published", "plain"] | None = Field(
        None,
        description="How zero_shot asks: published (distilabel's GenerateSentencePair, two"
        " sentences under headings) or plain (the question alone). Without it, plain for the"
        " packaged LLM, which does not write headings, and published for all others.",
    )

    @property
    def asks_as_published(self) -> bool:
        """Whether the zero_shot arm asks what `GenerateSentencePair` asks."""
        if self.zero_shot_prompt is None:
            return self.llm != EMBEDDED
        return self.zero_shot_prompt == "published"

    @field_validator("arms", mode="before")
    @classmethod
    def _split_names(cls, arms: Any) -> Any:
        return [name.strip() for name in arms.split(",")] if isinstance(arms, str) else arms

    @field_validator("arms")
    @classmethod
    def _check_arms(cls, arms: list[str] | None) -> list[str] | None:
        from distilabel_rag4rag.schema import RUN_ARMS

        if unknown := [arm for arm in arms or () if arm not in RUN_ARMS]:
            raise refused(unknown, nearest(unknown[0], RUN_ARMS) or one_of(RUN_ARMS))
        if arms is not None and not 0 < len(arms) == len(set(arms)):
            raise refused(arms, "one or more names, each once")
        return arms


def validated(model: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    """The model of these values.

    Raises:
        ConfigError: for the first value that the model refuses.
    """
    try:
        return model(**values)
    except ValidationError as error:
        from distilabel_rag4rag.errors import ConfigError

        first = error.errors()[0]
        context = first.get("ctx", {})
        expected = context.get("refused") or first["msg"].removeprefix("Input should be ")
        expected = re.sub("^(greater|less) than", r"a number \1 than", expected)
        found = context.get("found", first["input"])
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            found, expected = name, nearest(name, model.model_fields) or "the name of a setting"
        raise ConfigError(name, found, expected) from error


def refused(found: Any, expected: str) -> PydanticCustomError:
    """An error of a validator that says what was expected."""
    return PydanticCustomError(
        "setting", "expected {refused}", {"found": found, "refused": expected}
    )
