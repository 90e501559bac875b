"""FaissRetrieveFromRows: the rows' own passages are the corpus."""

from typing import TYPE_CHECKING

from distilabel.steps import GlobalStep, StepInput

from distilabel_rag4rag.steps.retrieval.passages import unique_passages
from distilabel_rag4rag.steps.retrieval.retrieve_base import Retrieving
from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput


@public
class FaissRetrieveFromRows(Retrieving, GlobalStep):
    """Retrieve for each question among the passages of all the rows that flow through.

    The published way: the corpus is the unique `context`s of the rows themselves. The step
    waits for all rows, indexes their passages, and passes every row on with what it retrieved.
    Everything else is as in `FaissRetrieve`.

    Attributes:
        embeddings: any distilabel `Embeddings`; it embeds questions and passages.
        query_prompt: an instruction put before each question. Defaults to `""`.
        passage_prompt: the same for passages. Defaults to `""`.
        index_factory: `"auto"`, exact up to 200,000 passages, or a string of faiss's index
            factory. Defaults to `"auto"`.
        search_parameters: how thoroughly an approximate index is searched, as faiss's parameters,
            such as `"nprobe=128"`; see `FaissRetrieve`.
        index_dir: where the index is kept; `None` is a folder in the user's cache. A
            `FaissRetrieve(corpus=index_dir)` of another pipeline can use it.

    Runtime parameters:
        - `k`: how many passages a question gets. Defaults to `1`, as published.
        - `min_score`: passages with a smaller cosine are left out. Defaults to `None`.
        - `rank_depth`: how far down the list the row's own passage is looked for, for
            `source_rank`; `None` is `k`. Defaults to `None`.
        - `encode_batch_size`: how many texts one call of the embedder gets. Defaults to `64`.

    Input columns:
        - question (`str`): the question; a row without one is marked in `retrieve_reason`.
        - context (`str`): the row's own passage; together they are the corpus.
        - passage_id (`str`, optional): its id; without one the hash of its text.
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

    Examples:
        Retrieve among the rows' own passages:

        ```python
        from distilabel_rag4rag import FaissRetrieveFromRows, embedded

        retrieve = FaissRetrieveFromRows(embeddings=embedded.embeddings(), k=1)
        retrieve.load()
        rows = next(
            retrieve.process(
                [
                    {"question": "Which album did Beyoncé make?",
                     "context": "Dangerously in Love is an album by Beyoncé."},
                    {"question": "What makes a cell's ATP?",
                     "context": "The mitochondrion makes most of a cell's ATP."},
                ]
            )
        )
        assert [row["source_rank"] for row in rows] == [1, 1]
        ```
    """

    @property
    def inputs(self) -> "StepColumns":
        """`question` and the `context` to index; the id is optional."""
        optional = ("passage_id", "human_answer", "human_answers")
        return {"question": True, "context": True, **dict.fromkeys(optional, False)}

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Indexes the rows' passages and adds to each row what it retrieved, in order.

        Args:
            inputs: all rows.

        Yields:
            The same rows with the output columns.
        """
        index = self._apart(self._build_or_reuse, unique_passages(inputs))
        self._apart(self._retrieve, inputs, index)
        yield inputs
