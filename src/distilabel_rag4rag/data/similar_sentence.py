"""The sentence of a passage that is nearest to a question."""

from collections.abc import Iterable

from distilabel_rag4rag.data.bm25 import Bm25


def similar_sentence(question: str, passages: Iterable[str], language: str = "en") -> str | None:
    """The sentence that shares most with a question, by BM25; None where none shares a word.

    Args:
        question: the question.
        passages: the texts that the sentence is taken from.
        language: whose rules tell where a sentence ends.
    """
    from sentencex import segment

    sentences = [
        " ".join(sentence.split()) for text in passages for sentence in segment(language, text)
    ]
    sentences = [sentence for sentence in sentences if sentence]
    nearest = Bm25(sentences).nearest(question, 1) if sentences else []
    return sentences[nearest[0]] if nearest else None
