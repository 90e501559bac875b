"""MarkRoundTrip: does the question find its own passage?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.steps import GlobalStep, StepInput
from pydantic import Field

from distilabel_rag4rag.data.bm25 import Bm25
from distilabel_rag4rag.data.duplicates import PassageFinder, letters
from distilabel_rag4rag.data.readers.open_table import PlainSource
from distilabel_rag4rag.data.rows import load_passages
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.models.tokenizers import tokenizer_of
from distilabel_rag4rag.schema import EMPTY_QUESTION
from distilabel_rag4rag.steps.filtering.mark import Mark
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import has_text, is_missing

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput

#: Fewer passages than this count as few.
FEW = 1_000
#: The default of `within` for few and for many passages.
WITHIN_FEW, WITHIN_MANY = 3, 20


@public
class MarkRoundTrip(Mark, GlobalStep):
    """Mark the questions that find their own passage, by the embedder or by BM25.

    The embedder's rank is `source_rank`, which the retrieving steps write: their `rank_depth` (or
    `k`) must be at least `within`. BM25's is found here among all passages and written to
    `bm25_rank`. It is enough if one of the two finds the passage.

    Filtering with the retriever that is to be trained keeps what it already solves. Rows are only
    marked here; leave the check out of `KeepMarked(checks=...)` to keep them all.

    Attributes:
        check: `round_trip`, the name in the output columns.
        corpus: the passages that are searched: a file or folder that `load_passages` reads, or a
            list of rows with `context`. `rows` are those of the rows themselves.
            Defaults to `rows`.
        columns: our column names -> the corpus's, such as `{"context": "text"}`.

    Runtime parameters:
        - `within`: the last rank that counts as found; None is 3 for fewer than 1,000 passages
            and 20 for more. Defaults to `None`.

    Input columns:
        - question (`str`): the question, or None.
        - context (`str`): its own passage.
        - source_rank (`int`, optional): the rank of the passage by the embedder, or None.

    Output columns:
        - bm25_rank (`int`): the 1-based rank of the row's own passage by BM25, None where it shares
            no word with the question.
        - keep_row_after_round_trip (`bool`): found by one of the two.
        - round_trip_reason (`str`): the two ranks, or None.

    Categories:
        - filtering

    References:
        - [BM25S](https://github.com/xhluca/bm25s)
        - [Promptagator](https://arxiv.org/abs/2209.11755)

    Citations:
        ```
        @misc{dai2022promptagator,
          title={Promptagator: Few-shot Dense Retrieval From 8 Examples},
          author={Zhuyun Dai and Vincent Y. Zhao and Ji Ma and others},
          year={2022},
          eprint={2209.11755},
          archivePrefix={arXiv}
        }
        ```

    Examples:
        A question that another passage answers:

        ```python
        from distilabel_rag4rag import MarkRoundTrip

        mark = MarkRoundTrip(within=1)
        mark.load()
        rows = [
            {"question": "Where was the kettle cast?", "context": "The kettle was cast in Torgau."},
            {"question": "Where was the kettle cast?", "context": "A mill stood where it was wet."},
        ]
        rows = next(mark.process(rows))
        assert rows[1]["bm25_rank"] == 2
        assert rows[1]["round_trip_reason"] == (
            "own passage at rank 2 by BM25, expected 1 or better of 2 passages"
        )
        ```
    """

    check: ClassVar[str] = "round_trip"

    corpus: PlainSource = "rows"
    columns: dict[str, str | None] | None = None
    within: RuntimeParameter[int] | None = Field(
        default=None, ge=1, description="The last rank that counts as found."
    )

    @property
    def inputs(self) -> "StepColumns":
        """The question and its passage; the embedder's rank is optional."""
        return {"question": True, "context": True, "source_rank": False}

    @property
    def outputs(self) -> "StepColumns":
        """The rank, the mark and its reason."""
        return ["bm25_rank", *super().outputs]

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Adds rank, mark and reason to each row, in order.

        Args:
            inputs: all rows.

        Yields:
            The same rows, marked.
        """
        yield from super().process(inputs)

    def reason(self, row: dict[str, Any]) -> str | None:
        """Of a row alone, among the passages of the corpus."""
        return self.reasons([row])[0]

    def reasons(self, rows: list[dict[str, Any]]) -> list[str | None]:
        """The ranks of the passages that are not found; writes `bm25_rank` into the rows."""
        passages = self._passages(rows)
        index, places = Bm25(passages), _Places(passages)
        within = self.within or (WITHIN_FEW if len(passages) < FEW else WITHIN_MANY)
        return [self._reason(row, index, places, within, len(passages)) for row in rows]

    def _passages(self, rows: list[dict[str, Any]]) -> list[str]:
        source: Any = rows
        if self.corpus != "rows":
            source = load_passages(
                self.corpus,  # type: ignore[arg-type]
                columns=self.columns,
                tokenize=tokenizer_of(),
            )
        texts = [row["context"] for row in source if has_text(row.get("context"))]
        if not texts and self.corpus != "rows":
            raise ConfigError("corpus", self.corpus, "at least one passage")
        return list({letters(text): text for text in texts}.values())

    def _reason(
        self, row: dict[str, Any], index: Bm25, places: "_Places", within: int, passages: int
    ) -> str | None:
        row["bm25_rank"] = None
        if not has_text(row["question"]):
            return EMPTY_QUESTION
        if not has_text(row["context"]):
            return "no passage of its own"
        own = places.find(row["context"])
        if not own:
            return "the corpus does not hold its passage"
        ranks = [index.rank(row["question"], position) for position in own]
        row["bm25_rank"] = min((rank for rank in ranks if rank is not None), default=None)
        found = {"BM25": row["bm25_rank"]}
        if "source_rank" in row:
            rank = row["source_rank"]
            found = {"the embedder": None if is_missing(rank) else int(rank), **found}
        if any(rank is not None and rank <= within for rank in found.values()):
            return None
        said = [
            f"not found by {by}" if rank is None else f"at rank {rank} by {by}"
            for by, rank in found.items()
        ]
        better = f"{within} or better of {passages:,} passages"
        return f"own passage {' and '.join(said)}, expected {better}"


class _Places:
    """Where a row's own passage stands among the passages."""

    def __init__(self, passages: Sequence[str]) -> None:
        self._passages = passages
        self._by_letters = {letters(text): position for position, text in enumerate(passages)}
        self._finder: PassageFinder | None = None

    def find(self, context: str) -> list[int]:
        """Its position, or those of the passages that hold it where the corpus is cut otherwise."""
        if (position := self._by_letters.get(letters(context))) is not None:
            return [position]
        self._finder = self._finder or PassageFinder(self._passages)
        return self._finder.find(context)
