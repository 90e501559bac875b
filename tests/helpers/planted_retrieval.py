"""A corpus in an invented vocabulary, and questions in another one of which each word has a twin.

Nothing but pairs of question and passage can teach a model which words are twins: neither the
passages alone, nor the questions alone, nor pairs that do not belong together.
"""

import random
from pathlib import Path
from typing import Any

from distilabel_rag4rag.data.identity import passage_id

WORDS = 60
DOCUMENTS = 120


def passages() -> list[dict[str, Any]]:
    """A passage of 12 words for each document, in three sentences, with a title of two."""
    found = []
    for number in range(DOCUMENTS):
        rng = random.Random(number)
        words = [f"dax{n}" for n in rng.sample(range(WORDS), 12)]
        text = " ".join(f"{' '.join(words[n : n + 4])} ." for n in (0, 4, 8))
        found.append(
            {
                "passage_id": passage_id(text),
                "document_id": f"document{number}",
                "title": " ".join(rng.sample(words, 2)),
                "context": text,
            }
        )
    return found


def rows(corpus: list[dict[str, Any]], each: int = 2) -> list[dict[str, Any]]:
    """Questions to each passage: the twins of four of its words."""
    found = []
    for number, passage in enumerate(corpus):
        words = [word for word in passage["context"].split() if word != "."]
        for turn in range(each):
            chosen = random.Random(number * 10 + turn).sample(words, 4)
            found.append(
                {
                    **passage,
                    "id": f"row{number}-{turn}",
                    "question": " ".join(word.replace("dax", "wug") for word in chosen) + " ?",
                    "answer": chosen[0],
                    "keep_row_after_grounding": True,
                }
            )
    return found


def save_static(folder: Path, size: int = 32) -> str:
    """A static model that knows the words as words, with random vectors."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["[UNK]", ".", "?", *(f"{kind}{n}" for kind in ("dax", "wug") for n in range(WORDS))]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    weights = torch.randn(len(words), size, generator=torch.Generator().manual_seed(0))
    static = StaticEmbedding(tokenizer, embedding_weights=weights)
    SentenceTransformer(modules=[static], device="cpu").save_pretrained(str(folder))
    return str(folder)
