"""Answers with labels, supported or not, to measure a judge on."""

import ast
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from distilabel_rag4rag.data.readers.open_table import open_table
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.utils.text import counted, has_text, is_missing

#: The column by which the labels of `rag4rag review pull` are known.
GOLD_LABEL = "gold_hallucinated"

Span = tuple[int, int]


class LabelledAnswer(NamedTuple):
    """An answer, its evidence, and whether the evidence supports it.

    Attributes:
        kind: a name for answers of its sort; figures are given by kind.
        contexts: the evidence.
        question: what was asked, or None.
        answer: the answer.
        unsupported: whether any of it is not supported.
        spans: its unsupported parts, as offsets of code points; None where they are not known.
        against: the kind of supported answers that an unsupported one is compared with; None: the
            supported ones of its own kind.
        weight: how many rows of a larger set it stands for, or None.
    """

    kind: str
    contexts: tuple[str, ...]
    question: str | None
    answer: str
    unsupported: bool
    spans: tuple[Span, ...] | None = None
    against: str | None = None
    weight: float | None = None

    @property
    def cluster(self) -> str:
        """What its row shares its fate with: the other answers to its question."""
        return self.question or self.contexts[0]

    def row(self) -> dict[str, Any]:
        """The judge's input columns."""
        return {"answer": self.answer, "contexts": list(self.contexts), "question": self.question}


class LabelledSpan(BaseModel):
    """Where an unsupported part of an answer begins and ends."""

    start: int
    end: int


class LabelledRow(BaseModel):
    """A row of a file of labels."""

    model_config = ConfigDict(populate_by_name=True)

    answer: Annotated[str, Field(min_length=1)]
    contexts: list[str] = Field(min_length=1, validation_alias=AliasChoices("contexts", "context"))
    question: str | None = None
    kind: str = "labelled"
    against: str | None = None
    labels: list[LabelledSpan] | None = None
    hallucinated: bool | None = None
    weight: Annotated[float, Field(gt=0)] | None = None

    @field_validator("contexts", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("labels", mode="before")
    @classmethod
    def _text_is_a_list(cls, value: Any) -> Any:
        if isinstance(value, str):  # a cell of a CSV file
            with suppress(ValueError, SyntaxError):
                return ast.literal_eval(value.strip())
        return value

    @field_validator("hallucinated", mode="before")
    @classmethod
    def _number_is_a_verdict(cls, value: Any) -> Any:
        # What pandas writes into a CSV file where the column has gaps.
        return value.strip().removesuffix(".0") if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_labelled(self) -> "LabelledRow":
        if self.labels is None and self.hallucinated is None:
            raise ValueError("expected `labels` or `hallucinated`")
        if self.labels and self.hallucinated is False:
            raise ValueError("`hallucinated` is false and `labels` names spans")
        if any(not 0 <= s.start < s.end <= len(self.answer) for s in self.labels or ()):
            raise ValueError("a label lies outside the answer")
        return self

    def answer_with_label(self) -> LabelledAnswer:
        """The row as what a judge is held against."""
        spans = None if self.labels is None else tuple((s.start, s.end) for s in self.labels)
        unsupported = bool(spans) if self.hallucinated is None else self.hallucinated
        if not spans:
            spans = None if unsupported else ()
        return LabelledAnswer(
            self.kind,
            tuple(self.contexts),
            self.question,
            self.answer,
            unsupported,
            spans,
            self.against,
            self.weight,
        )


def read_labels(source: str | Path, notes: list[str] | None = None) -> list[LabelledAnswer]:
    """Labelled answers of a file.

    Two forms are known. What `rag4rag review pull` writes (gold.parquet): the arm is the kind, and
    rows without a majority are left out. Or rows (JSON lines, parquet, CSV) with `answer`,
    `contexts` (or `context`), `question` (optional), `kind` (optional) and either `labels`, a list
    of {start, end} (empty: supported), or `hallucinated`, true or false.

    Args:
        source: the file.
        notes: gets what was left out, in sentences.

    Raises:
        ConfigError: if there is no row with a label, or a row is not as it should be.
    """
    table = open_table(str(source), None)
    if not table.columns:
        raise ConfigError("labels", str(source), "rows with labels")
    rows = table.rows(table.columns)
    if GOLD_LABEL in table.columns:
        answers = list(_of_review(rows, notes))
    else:
        answers = [_of_row(row, number, table.name) for number, row in enumerate(rows, 1)]
    if not answers:
        raise ConfigError("labels", str(source), "rows with labels")
    return answers


def gold_spans(row: Mapping[Any, Any]) -> list[Span] | None:
    """The unsupported spans of a row of `rag4rag review pull`, None where they are not known.

    An answer that people call hallucinated without marking where is not known; if the verdict is
    that all of it is hallucinated, all of it is the span.
    """
    if is_missing(row[GOLD_LABEL]) or not isinstance(row["context"], str):
        return None
    if not row[GOLD_LABEL]:
        return []
    spans = [(span["start"], span["end"]) for span in row["gold_spans"]]
    if not spans and row["gold_verdict"] == "hallucinated":
        spans = [(0, len(row["answer"]))]
    return spans or None


def _of_row(row: Mapping[str, Any], number: int, name: str) -> LabelledAnswer:
    given = {
        key: value
        for key, value in row.items()
        if not is_missing(value) and (value != "" or key == "answer")  # an empty cell of a CSV file
    }
    try:
        return LabelledRow.model_validate(given).answer_with_label()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        said = f"{where} {first['msg']}".strip().removeprefix("Value error, ")
        raise ConfigError(
            "labels",
            f"{name}, row {number}: {said}",
            "`answer`, `contexts`, and `labels` or `hallucinated` in every row, or the gold.parquet"
            " of review pull",
        ) from error


def _of_review(rows: Any, notes: list[str] | None) -> Iterator[LabelledAnswer]:
    left_out = 0
    for row in rows:
        usable = has_text(row["answer"]) and has_text(row["context"])
        if is_missing(row[GOLD_LABEL]) or not usable:
            left_out += 1
            continue
        spans = gold_spans(row)
        weight = row.get("review_weight")
        yield LabelledAnswer(
            str(row.get("arm") or "labelled"),
            (row["context"],),
            row["question"] if has_text(row.get("question")) else None,
            row["answer"],
            bool(row[GOLD_LABEL]),
            None if spans is None else tuple(spans),
            weight=None if is_missing(weight) else float(weight),
        )
    if left_out and notes is not None:
        notes.append(
            f"Left out: {counted(left_out, 'row')} without a label by a majority or a passage."
        )
