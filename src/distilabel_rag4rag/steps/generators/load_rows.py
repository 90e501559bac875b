"""LoadRows: questions and their passages, from anywhere, into a pipeline."""

from typing import TYPE_CHECKING, Any

from distilabel.steps import GeneratorStep
from pydantic import PrivateAttr

from distilabel_rag4rag.data.columns import ROW_COLUMNS
from distilabel_rag4rag.data.readers.open_table import PlainSource
from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from distilabel.typing import GeneratorStepOutput, StepColumns


@public
class LoadRows(GeneratorStep):
    """Load questions with their passages from whatever `load_rows` reads.

    A question that comes again with the same passage is one row. What was left out, changed or
    is unusual in the source is logged, with counts.

    Attributes:
        source: SQuAD JSON, JSONL, CSV, parquet, a folder saved by `datasets`, a Hub id, a list
            of rows or a `Dataset` (which a dump holds row by row); `None` is the sample world.
        columns: our column names -> the source's, such as `{"question": "anchor"}`.
        split: which split of a Hub data set or `DatasetDict`.
        limit: how many questions, sampled with `seed` and kept in the source's order.
        seed: of the sample. Defaults to `0`.
        delimiter: what stands between the fields of a CSV or TSV file; `None` finds it.
        context_required: whether the source must have passages. Questions without any are for
            pipelines that retrieve. Defaults to `True`.

    Output columns:
        - id (`str`): stable id of the question.
        - passage_id (`str`): stable id of the passage, or None.
        - title (`str`): the document, or None.
        - context (`str`): the passage, or None.
        - question (`str`): the question.
        - human_answer (`str`): a person's answer, or None.
        - human_answers (`List[str]`): all answers that count as right, or None.
        - answerable (`bool`): whether the passage holds the answer; None where unknown.

    Categories:
        - load

    Examples:
        Load two questions of the sample world:

        ```python
        from distilabel_rag4rag import LoadRows

        load = LoadRows(limit=2, batch_size=2)
        load.load()
        rows, last = next(load.process())
        assert len(rows) == 2 and last
        ```
    """

    source: PlainSource = None
    columns: dict[str, str | None] | None = None
    split: str | None = None
    limit: int | None = None
    seed: int = 0
    delimiter: str | None = None
    context_required: bool = True

    _rows: list[dict[str, Any]] = PrivateAttr(default_factory=list)

    @property
    def outputs(self) -> "StepColumns":
        """The columns of a question."""
        return list(ROW_COLUMNS)

    def load(self) -> None:
        """Reads the rows; an empty or unreadable source is an error here, before the run."""
        super().load()
        from distilabel_rag4rag.data.rows import load_rows

        notes: list[str] = []
        self._rows = list(
            load_rows(
                self.source,
                columns=self.columns,
                split=self.split,
                limit=self.limit,
                seed=self.seed,
                delimiter=self.delimiter,
                context_required=self.context_required,
                notes=notes,
            )
        )
        for note in notes:
            self._logger.info(note)

    def unload(self) -> None:
        """Frees the rows."""
        self._rows = []
        super().unload()

    def process(self, offset: int = 0) -> "GeneratorStepOutput":
        """Yields the rows in batches.

        Args:
            offset: rows to leave out at the start.

        Yields:
            A batch of rows, and whether it is the last.
        """
        for start in range(offset, len(self._rows), self.batch_size):  # type: ignore[arg-type]
            end = start + self.batch_size  # type: ignore[operator]
            yield self._rows[start:end], end >= len(self._rows)
