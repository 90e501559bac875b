"""The settings of evaluation and training: names, meanings, defaults and bounds, each once."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from distilabel_rag4rag.models.packaged import EMBEDDED


def _split_names(names: Any) -> Any:
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else names


#: A list that the command line takes with commas.
Names = Annotated[list[str], BeforeValidator(_split_names)]


class RetrieverSettings(BaseModel):
    """How texts become vectors; what evaluation and training share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0, description="Seed of what is drawn at random.")
    titles: bool = Field(
        False, description="Put a passage's title before its text in the sets to evaluate on."
    )
    max_tokens: int | None = Field(
        None, ge=8, description="Longest text that is embedded; by default what the model says."
    )
    encode_batch_size: int = Field(64, ge=1, description="Texts that are embedded at once.")
    device: str | None = Field(
        None, description="cpu, cuda, cuda:1, mps; by default the best there is."
    )


class EvaluationSettings(RetrieverSettings):
    """Which retrievers, on what."""

    source: str | None = Field(
        None,
        description="What to evaluate on: a folder of build, of an export or in BEIR's form, or"
        " questions with their passages (SQuAD JSON, JSONL, CSV, parquet, a Hub id).",
    )
    models: Names = Field(
        [EMBEDDED],
        description="The retrievers, comma-separated: folders, Hub ids of sentence-transformers,"
        " embedded (the packaged model) or static (a static model made of it). Each one is"
        " compared with those before it, and BM25 stands before all.",
    )
    split: str | None = Field(
        None, description="Which queries: the split of the qrels (default test), or of a Hub set."
    )
    corpus: str | None = Field(
        None,
        description="Further passages to search, where the input is questions with passages.",
    )
    columns: dict[str, str | None] = Field(
        default_factory=dict,
        description="What such questions call our columns question, context, title, id and"
        " passage_id, e.g. question=anchor.",
    )

    @field_validator("models")
    @classmethod
    def _each_once(cls, models: list[str]) -> list[str]:
        return each_once(models)


def each_once(names: list[str]) -> list[str]:
    """The names, of which there is one at least and none twice."""
    if not names or not all(names) or len(set(names)) < len(names):
        raise PydanticCustomError(
            "setting",
            "expected {refused}",
            {"found": names, "refused": "one or more names, each once"},
        )
    return names
