"""Queries, passages and which is relevant to which: what a retriever is evaluated on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from distilabel_rag4rag.data.identity import passage_id
from distilabel_rag4rag.utils.public import public

#: Query -> ids of passages, the best first.
Run = Mapping[str, Sequence[str]]
#: Query -> passage -> how relevant it is; 0 is judged and not relevant.
Qrels = Mapping[str, Mapping[str, int]]

#: Names of the two parts of a set, by whether a model was trained on a query's passage.
OWN, NEW = "own documents", "new documents"


@public
@dataclass(frozen=True)
class RetrievalData:
    """Queries, the passages that are searched, and relevance.

    Ids of queries and of passages are apart: one that is equal to another means nothing.

    Attributes:
        name: of the set, for reports.
        queries: id -> text.
        corpus: id -> text, in an order that breaks ties.
        qrels: query -> passage -> relevance, 1 or more for each query's relevant passages.
        documents: passage -> its document, where that is known.
        notes: what was left out, in sentences.
    """

    name: str
    queries: dict[str, str]
    corpus: dict[str, str]
    qrels: Qrels
    documents: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def relevant(self, query: str) -> list[str]:
        """The passages relevant to a query, the most relevant first."""
        found = self.qrels[query]
        return sorted((p for p in found if found[p] > 0), key=lambda p: -found[p])

    def clusters(self) -> list[str]:
        """What each query is resampled with: the document of its passages, or itself."""
        found = []
        for query in self.queries:
            documents = {self.documents.get(passage) for passage in self.relevant(query)}
            (document,) = documents if len(documents) == 1 else (None,)
            found.append(f"document {document}" if document else f"query {query}")
        return found

    def parts(self, trained: Collection[str]) -> "list[RetrievalData]":
        """The queries about documents that a model was trained on, and the others.

        Args:
            trained: `data.identity.passage_id` of the texts that it was trained on.
        """
        seen = {key for key, text in self.corpus.items() if passage_id(text) in trained}
        documents = {self.documents[key] for key in seen if key in self.documents}
        seen |= {key for key, document in self.documents.items() if document in documents}
        own = {query for query in self.queries if not seen.isdisjoint(self.relevant(query))}
        parts = ((OWN, own), (NEW, self.queries.keys() - own))
        return [self._only(queries, f"{self.name}: {name}") for name, queries in parts if queries]

    def _only(self, queries: Collection[str], name: str) -> "RetrievalData":
        kept = {query: text for query, text in self.queries.items() if query in queries}
        return replace(self, name=name, queries=kept, qrels={q: self.qrels[q] for q in kept})
