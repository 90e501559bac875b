"""A corpus with overlapping chunks and near-duplicates, and rows with negatives and marks."""

import random
from typing import Any

from distilabel_rag4rag.data.identity import passage_id

_RNG = random.Random(0)
WORDS = ["".join(_RNG.choices("abcdefghijklmnoprstuvw", k=_RNG.randint(3, 9))) for _ in range(4000)]

#: Documents 0 and 1 are versions of one text.
DOCUMENTS = 40


def document_words(number: int) -> list[str]:
    """100 words; two documents have nothing in common but for the first two."""
    words = random.Random(max(number, 1)).choices(WORDS, k=100)
    return words if number else [*words[:30], "altered", *words[31:]]


def passages() -> list[dict[str, Any]]:
    """Three chunks of 40 words for each document, each 10 words into the next."""
    found = []
    for number in range(DOCUMENTS):
        words = document_words(number)
        for first in (0, 30, 60):
            text = " ".join(words[first : first + 40])
            start = len(" ".join(words[:first])) + (first > 0)
            found.append(
                {
                    "passage_id": passage_id(text),
                    "document_id": f"doc{number}",
                    "title": f"Title {number % 5}",  # several documents share one
                    "heading_path": ["Part", f"{first}"],
                    "context": text,
                    "start": start,
                    "end": start + len(text),
                }
            )
    unique = {passage["passage_id"]: passage for passage in found}
    return list(unique.values())


def rows(corpus: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A question to each passage, with five negatives; each tenth did not pass a check."""
    found = []
    for number, passage in enumerate(corpus):
        others = [p for p in corpus if p["document_id"] != passage["document_id"]]
        negatives = random.Random(number).sample(others, 5)
        words = passage["context"].split()
        found.append(
            {
                **{name: passage[name] for name in ("passage_id", "document_id", "title")},
                "id": f"row{number}",
                "context": passage["context"],
                "question": f"what about {words[3]} {words[15]} and {words[20]} number {number}?",
                "question_type": "factoid",
                "answer": " ".join(words[3:6]),
                "human_answers": None,
                "hallucinated_spans": [
                    {"start": 0, "end": len(words[3]), "text": words[3], "confidence": 0.9}
                ]
                if number % 10 == 0
                else [],
                "hallucination_score": 0.9 if number % 10 == 0 else 0.0,
                "keep_row_after_grounding": number % 10 != 0,
                "positive_score": 0.8,
                "negatives": [p["context"] for p in negatives],
                "negative_ids": [p["passage_id"] for p in negatives],
                "negative_scores": [0.7, 0.6, 0.5, 0.4, 0.3],
            }
        )
    return found
