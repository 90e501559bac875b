"""Whether an answer stands where its passage speaks of what the question asks."""

from collections import Counter
from collections.abc import Iterable
from math import log
from typing import NamedTuple

from distilabel_rag4rag.data.new_words import word_forms
from distilabel_rag4rag.data.words import sentences_of


class SentenceShares(NamedTuple):
    """How much of a question two sentences hold, its rare words above all.

    Attributes:
        best: the share that the passage's nearest sentence holds, in [0, 1].
        own: the share that a sentence with the answer holds.
        nearest: the nearest sentence.
    """

    best: float
    own: float
    nearest: str


def sentence_shares(
    question: str, answer: str, passages: Iterable[str], language: str = "en"
) -> SentenceShares | None:
    """Compares the sentences that hold an answer with the one that is nearest to the question.

    Args:
        question: the question.
        answer: the answer. A sentence holds it where it holds all its content words, those of the
            question aside.
        passages: the texts in which the answer stands.
        language: whose function words do not count, see `word_support`.

    Returns:
        None where no single sentence holds the answer.
    """
    sentences = [" ".join(one.split()) for text in passages for one in sentences_of(text)]
    held = [set(word_forms(one, language)) for one in sentences]
    asked = set(word_forms(question, language))
    said = set(word_forms(answer, language))
    said = said - asked or said
    own = [place for place, words in enumerate(held) if said <= words]
    if not said or not own:
        return None
    counts = Counter(word for words in held for word in words)
    weights = {word: log(1 + len(held) / (0.5 + counts[word])) for word in asked}
    total = sum(weights.values()) or 1.0
    shares = [sum(weights[word] for word in asked & words) / total for words in held]
    best = max(range(len(shares)), key=shares.__getitem__)
    return SentenceShares(shares[best], max(shares[place] for place in own), sentences[best])
