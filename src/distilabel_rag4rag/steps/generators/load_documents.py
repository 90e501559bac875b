"""LoadDocuments: documents of many formats -> passages."""

from typing import TYPE_CHECKING, Annotated, Any

from distilabel.steps import GeneratorStep
from pydantic import BeforeValidator, Field, PrivateAttr

from distilabel_rag4rag.data.readers.open_table import Record, plain_source
from distilabel_rag4rag.models.packaged import EMBEDDED
from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from distilabel.typing import GeneratorStepOutput, StepColumns


@public
class LoadDocuments(GeneratorStep):
    """Load documents and cut them into passages of a bounded number of tokens.

    Read are txt, md, html, pdf and docx files (with the extra `documents`), and each row of
    jsonl, csv and parquet files and of Datasets. A passage ends where a section, a paragraph or
    else a sentence ends; code and tables stay whole where they fit. Passages with the same text
    are one. A file that gives no text is logged with its reason and does not stop the others.

    Attributes:
        source: a file, a folder, a list of either, a Hub id, a list of rows or a `Dataset` (which
            a dump holds row by row). `None` is the sample world.
        max_tokens: the longest passage, in tokens of `tokenizer`. Defaults to `256`.
        overlap: tokens that a passage has in common with the one before it. Defaults to `0`.
        tokenizer: the folder or Hub id of the embedder that will read the passages, or "embedded"
            for the packaged one. Defaults to `"embedded"`.
        columns: our column names -> the source's, such as `{"context": "body"}`, for tables.
        split: which split of a Hub data set or `DatasetDict`.

    Output columns:
        - passage_id (`str`): stable id of the passage, from its text.
        - document_id (`str`): stable id of its document.
        - title (`str`): the document's title, or None.
        - heading_path (`List[str]`): the headings above the passage, the outermost first.
        - context (`str`): the passage.
        - start (`int`): its first character in the document's text.
        - end (`int`): the character after its last.
        - tokens (`int`): its length.
        - keep_row_after_passage (`bool`): whether questions can be asked about it.
        - passage_reason (`str`): why not (tiny, boilerplate, no prose), or None.

    Categories:
        - load

    Examples:
        Cut two texts into passages:

        ```python
        from distilabel_rag4rag import LoadDocuments

        load = LoadDocuments(
            source=[
                {"title": "Kettles", "context": "The kettle was cast in Torgau in the year 1712."},
                {"title": "Bells", "context": "The bell was cast in the town of Ulm in 1713."},
            ]
        )
        load.load()
        rows, last = next(load.process())
        assert [row["title"] for row in rows] == ["Kettles", "Bells"] and last
        ```
    """

    source: Annotated[str | list[str] | list[Record] | None, BeforeValidator(plain_source)] = None
    max_tokens: int = Field(default=256, ge=8)
    overlap: int = Field(default=0, ge=0)
    tokenizer: str = EMBEDDED
    columns: dict[str, str | None] | None = None
    split: str | None = None

    _passages: list[dict[str, Any]] = PrivateAttr(default_factory=list)

    @property
    def outputs(self) -> "StepColumns":
        """The columns of a passage."""
        return [
            "passage_id",
            "document_id",
            "title",
            "heading_path",
            "context",
            "start",
            "end",
            "tokens",
            "keep_row_after_passage",
            "passage_reason",
        ]

    def load(self) -> None:
        """Reads the documents; a source without any text is an error here, before the run."""
        super().load()
        from distilabel_rag4rag.data.corpus import read_corpus
        from distilabel_rag4rag.models.tokenizers import load_tokenizer

        corpus = read_corpus(
            self.source,
            load_tokenizer(self.tokenizer),
            self.max_tokens,
            self.overlap,
            columns=self.columns,
            split=self.split,
        )
        self._passages = corpus.passages
        for note in corpus.notes:
            self._logger.info(note)
        for unread in corpus.unread:
            self._logger.warning(f"{unread.name} was not read: {unread.reason}")

    def unload(self) -> None:
        """Frees the passages."""
        self._passages = []
        super().unload()

    def process(self, offset: int = 0) -> "GeneratorStepOutput":
        """Yields the passages in batches.

        Args:
            offset: passages to leave out at the start.

        Yields:
            A batch of passages, and whether it is the last.
        """
        for start in range(offset, len(self._passages), self.batch_size):  # type: ignore[arg-type]
            end = start + self.batch_size  # type: ignore[operator]
            yield self._passages[start:end], end >= len(self._passages)
