"""The settings of evaluation and training: names, meanings, defaults and bounds, each once."""

from math import ceil
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from distilabel_rag4rag.models.packaged import EMBEDDED


def _split_names(names: Any) -> Any:
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else names


#: Lists that the command line takes with commas.
Names = Annotated[list[str], BeforeValidator(_split_names)]
Numbers = Annotated[list[int], BeforeValidator(_split_names)]

#: The formats of an export that can be trained on.
Data = Literal["pairs", "triplets", "tuples", "scores", "answer_pairs"]
#: What few rows are seen for several times, if no epochs are set.
FEWEST_STEPS, MOST_EPOCHS = 50, 10
#: Losses that learn from the scores of a teacher.
DISTILLING = ("margin_mse", "distill_kl")


class RetrieverSettings(BaseModel):
    """How texts become vectors; what evaluation and training share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0, description="Seed of what is drawn at random.")
    titles: bool = Field(
        False, description="Put a passage's title before its text in the sets to evaluate on."
    )
    columns: dict[str, str | None] = Field(
        default_factory=dict,
        description="What questions with passages, to evaluate on, call our columns question,"
        " context, title, id and passage_id, e.g. question=anchor.",
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
        description="What to evaluate on: a folder of build, of an export, in BEIR's form or of"
        " compare, or questions with their passages (SQuAD JSON, JSONL, CSV, parquet, a Hub id).",
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

    @field_validator("models")
    @classmethod
    def _each_once(cls, models: list[str]) -> list[str]:
        return each_once(models)


class TrainingSettings(RetrieverSettings):
    """What is trained on what, and how."""

    source: str | None = Field(
        None,
        description="The folder of build, or of an export (pairs/train.parquet, …); for a study of"
        " the arms also that of compare.",
    )
    models: Names = Field(
        [EMBEDDED],
        description="The model to fine-tune: a folder or a Hub id of sentence-transformers,"
        " embedded (the packaged model) or static (a static model made of it). In a study several,"
        " comma-separated.",
    )
    data: Data | None = Field(
        None,
        description="Which files of the export: pairs, tuples or triplets (with hard negatives),"
        " scores (with a teacher's), or answer_pairs. By default pairs, or scores for a loss that"
        " learns from them.",
    )
    loss: Literal["multiple_negatives", "cached_multiple_negatives", "margin_mse", "distill_kl"] = (
        Field(
            "multiple_negatives",
            description="multiple_negatives, cached_multiple_negatives (large batches in bounded"
            " memory), or margin_mse and distill_kl, which learn the scores of a teacher.",
        )
    )
    teacher: str | None = Field(
        None,
        description="Where the scores come from: a cross-encoder's folder or Hub id, fusion or"
        " fusion:MODEL (BM25 and an embedder together, by default the model before training), or"
        " judge or judge:MODEL (how well a passage supports the accepted answer; needs the folder"
        " of a build). By default the export's own. With data=pairs, the nearest passages are the"
        " negatives that it scores.",
    )
    epochs: float | None = Field(
        None,
        gt=0,
        description="How often each row is seen. By default once, and up to ten times where that"
        f" is less than {FEWEST_STEPS} steps.",
    )
    learning_rate: float | None = Field(
        None, gt=0, description="By default 2e-5, and 3e-3 for a static model."
    )
    batch_size: int = Field(
        32, ge=2, description="Rows per step; no text stands in two of them (no_duplicates)."
    )
    mini_batch_size: int = Field(
        16, ge=1, description="Rows in memory at once, for cached_multiple_negatives."
    )
    matryoshka: Numbers | None = Field(
        None, description="Sizes to which vectors may be cut afterwards, such as 256,128,64."
    )
    freeze_embeddings: bool = Field(
        False, description="Leave a transformer's token table as it is: faster on CPUs."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="float32, or bfloat16 for a processor that computes in it."
    )
    checks: int = Field(
        1,
        ge=0,
        description="How often per epoch the validation split is looked at and the model kept; 0"
        " never. The best one is taken.",
    )
    patience: int = Field(
        2, ge=1, description="End after so many checks without a better one than before."
    )
    resume: bool = Field(
        False, description="Go on from the last model that was kept in that folder."
    )
    evaluate_on: Names | None = Field(
        None,
        description="Further sets to evaluate on, comma-separated, in any form that evaluate"
        " takes.",
    )

    study: bool = Field(
        False,
        description="Train on placebos of the same size too, and say what the data did beyond"
        " them.",
    )
    seeds: int = Field(3, ge=1, description="How often a study trains on each set of rows.")
    rows: int | None = Field(
        None, ge=2, description="Rows that a study trains on at most, drawn at random."
    )

    @field_validator("models")
    @classmethod
    def _each_once(cls, models: list[str]) -> list[str]:
        return each_once(models)

    def epochs_of(self, rows: int) -> float:
        """How often each of so many rows is seen."""
        if self.epochs is not None:
            return self.epochs
        steps = ceil(rows / self.batch_size)
        return min(MOST_EPOCHS, max(1, ceil(FEWEST_STEPS / steps)))

    @property
    def mines(self) -> bool:
        """Whether the teacher scores negatives that are looked for among the passages."""
        return self.teacher is not None and self.files == "pairs"

    @property
    def files(self) -> str:
        """The files of the export that are trained on."""
        if self.data is not None:
            return self.data
        if self.loss in DISTILLING:
            return "scores" if self.teacher is None else "tuples"
        return "pairs"


def each_once(names: list[str]) -> list[str]:
    """The names, of which there is one at least and none twice."""
    if not names or not all(names) or len(set(names)) < len(names):
        raise PydanticCustomError(
            "setting",
            "expected {refused}",
            {"found": names, "refused": "one or more names, each once"},
        )
    return names
