"""FaissRetrieve: question -> passages, ids and scores."""

from pathlib import Path
from typing import TYPE_CHECKING

from distilabel.steps import StepInput
from pydantic import Field

from distilabel_rag4rag.data.chunking import MAX_TOKENS
from distilabel_rag4rag.data.passage_reader import PassageReader
from distilabel_rag4rag.data.readers.open_table import PlainSource
from distilabel_rag4rag.models.tokenizers import tokenizer_of
from distilabel_rag4rag.steps.retrieval.embedder_state import made_with
from distilabel_rag4rag.steps.retrieval.index_manifest import check_settings, read_manifest
from distilabel_rag4rag.steps.retrieval.passage_index import PassageIndex
from distilabel_rag4rag.steps.retrieval.passages import read_from, unique_passages
from distilabel_rag4rag.steps.retrieval.retrieve_base import Retrieving
from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput


@public
class FaissRetrieve(Retrieving):
    """Retrieve the passages nearest to each question from a corpus given up front.

    The corpus is embedded once and indexed with faiss; index, passages and a manifest are kept
    in a folder, which later runs and replicas open read-only and memory-mapped. A parquet file
    or a saved dataset is read piece by piece and may be larger than memory. Vectors are
    normalised, so scores are cosine similarities in [-1, 1]. Passages with the same text are
    one entry; equal scores are ordered as the passages are.

    An index is found again by everything that shapes its vectors: the settings of the embedder,
    the content of its files or its commit on the Hub, versions, the prompt, the passages; and by
    the embedder's vectors of a few fixed texts, where the rest cannot be seen.

    A row's own passage is looked for by its text, then by its letters alone (a title line, line
    breaks and punctuation may differ), then as nearly the same or larger text; where a human
    answer stands in it, in the passage that holds the answer and the words beside it.

    Attributes:
        embeddings: any distilabel `Embeddings`; it embeds questions and passages.
        corpus: the passages: an index folder, a file or folder that `load_passages` reads
            (parquet, JSONL, CSV, SQuAD JSON, documents, a folder saved by `datasets`), or a
            list of rows with `context` and optional `passage_id`, or a `Dataset` of such rows
            (which a dump holds row by row: give a path for a large corpus). `None` is the
            sample world.
        columns: our column names -> the corpus's, such as `{"context": "text"}`.
        split: which split of a Hub data set or `DatasetDict`.
        max_tokens: the longest passage that documents are cut into, in tokens of the embedder's
            tokenizer, or of the packaged embedder's where it has none here. Defaults to `256`.
        delimiter: what stands between the fields of a CSV or TSV file; `None` finds it.
        query_prompt: an instruction put before each question, for embedders trained with one.
            Defaults to `""`.
        passage_prompt: the same for passages. Defaults to `""`.
        index_factory: which index faiss makes. `"auto"` is exact search up to 200,000 passages,
            and an approximate index with exact scores for more (`IVF…,PQ…np,RFlat`). Else a string
            of faiss's index factory, such as `"Flat"` (exact), `"HNSW32,Flat"` or
            `"IVF1024,PQ32"`. With quantisation the scores are estimates; a final `",RFlat"`
            makes them exact. Defaults to `"auto"`.
        search_parameters: how thoroughly an approximate index is searched, as faiss's parameters:
            `"nprobe=128,k_factor_rf=8"`. `None` searches one of 32 lists of an IVF index, compares
            four vectors for each hit of `RFlat`, and keeps 64 neighbours in view in HNSW.
        index_dir: where the index is kept. `None` is a folder in the user's cache, named after
            what the index is made of. In a folder that you name, an index is reused if it was
            made with the same settings, built anew if the passages changed, and otherwise
            refused, with what differs.

    Runtime parameters:
        - `k`: how many passages a question gets, fewer where the corpus holds fewer.
            Defaults to `1`, as published.
        - `min_score`: passages with a smaller cosine are left out. Defaults to `None`.
        - `rank_depth`: how far down the list the row's own passage is looked for, for
            `source_rank`; `None` is `k`. Defaults to `None`.
        - `encode_batch_size`: how many texts one call of the embedder gets. Defaults to `64`.

    Input columns:
        - question (`str`): the question; a row without one is marked in `retrieve_reason`.
        - context (`str`, optional): the row's own passage, for `source_rank`.
        - passage_id (`str`, optional): its id, for rows without `context`.
        - human_answer (`str`, optional): shows which of several passages is the row's own.
        - human_answers (`List[str]`, optional): the same, several answers.

    Output columns:
        - retrieved_contexts (`List[str]`): the passages, best first.
        - retrieved_ids (`List[str]`): their ids.
        - retrieval_scores (`List[float]`): their cosine similarities to the question.
        - source_rank (`int`): 1-based rank of the row's own passage, or None.
        - source_in_corpus (`bool`): whether the corpus holds the row's own passage, so that it
            could be found; None where the row names none.
        - retrieve_reason (`str`): why nothing was retrieved, or None.

    Categories:
        - embedding

    References:
        - [The Faiss library](https://github.com/facebookresearch/faiss)

    Citations:
        ```
        @article{douze2024faiss,
          title={The Faiss library},
          author={Douze, Matthijs and Guzhva, Alexandr and Deng, Chengqi and Johnson, Jeff and
            Szilvasy, Gergely and Mazaré, Pierre-Emmanuel and Lomeli, Maria and Hosseini, Lucas
            and Jégou, Hervé},
          journal={arXiv preprint arXiv:2401.08281},
          year={2024}
        }
        ```

    Examples:
        Retrieve from two passages:

        ```python
        from distilabel_rag4rag import FaissRetrieve, embedded

        retrieve = FaissRetrieve(
            embeddings=embedded.embeddings(),
            corpus=[
                {"passage_id": "a", "context": "Dangerously in Love is an album by Beyoncé."},
                {"passage_id": "b", "context": "The mitochondrion makes most of a cell's ATP."},
            ],
            k=1,
        )
        retrieve.load()
        rows = next(retrieve.process([{"question": "Which album did Beyoncé make?"}]))
        assert rows[0]["retrieved_ids"] == ["a"]
        ```
    """

    corpus: PlainSource
    columns: dict[str, str | None] | None = None
    split: str | None = None
    max_tokens: int = Field(default=MAX_TOKENS, ge=8)
    delimiter: str | None = None

    @property
    def inputs(self) -> "StepColumns":
        """`question`; the row's own passage is optional."""
        optional = ("context", "passage_id", "human_answer", "human_answers")
        return {"question": True, **dict.fromkeys(optional, False)}

    def load(self) -> None:
        """Loads the embedder and opens the index, which is built first where needed."""
        super().load()
        self._index = self._apart(self._open)

    def folder_to_send(self) -> Path:
        """The folder of the index, which is built first where needed, for other machines."""
        self.load()
        assert self._index is not None
        assert self._index.folder is not None
        folder = self._index.folder
        self.unload()
        return folder

    def use_folder(self, folder: Path) -> None:
        """Search the index in this folder."""
        self.corpus = str(folder)

    def _open(self) -> PassageIndex:
        if isinstance(self.corpus, list):
            return self._build_or_reuse(unique_passages(self.corpus))
        manifest = read_manifest(self.corpus) if self.corpus is not None else None
        if self.corpus is None or manifest is None:
            reader = PassageReader(
                self.corpus,
                columns=self.columns,
                split=self.split,
                tokenize=tokenizer_of(self.embeddings),
                max_tokens=self.max_tokens,
                delimiter=self.delimiter,
            )
            passages = read_from(reader)
            passages.fingerprint()  # the first reading, which finds what there is to note
            for note in reader.notes:
                self._logger.warning(note)
            return self._build_or_reuse(passages)
        # The folder is the corpus here: its own factory is the one that is meant.
        factory = manifest.made_with.index_factory
        asked = made_with(self.embeddings, self.passage_prompt, factory)
        check_settings("corpus", self.corpus, manifest.made_with.differences(asked))
        return self._open_checked("corpus", self.corpus)

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Adds the retrieved passages to each row, in order.

        Args:
            inputs: rows with `question`.

        Yields:
            The same rows with the output columns.
        """
        assert self._index is not None, "load() opens the index"
        self._apart(self._retrieve, inputs, self._index)
        yield inputs
