"""Documents, an LLM and small models for the benchmarks of a build: real code, cheap content."""

import json
import random
import re
from pathlib import Path
from typing import Any

from distilabel_rag4rag.models.packaged import embeddings_path
from distilabel_rag4rag.testing import ScriptedLLM

_TOWNS = (
    "Torgau",
    "Ulm",
    "Pirna",
    "Lorne",
    "Dray",
    "Graywold",
    "Ambleth",
    "Canvas",
    "Pell",
    "Sarn",
)
_ASKED = re.compile(r"Where was kettle (\d+) of the ")
_ABOUT = re.compile(r"The ([a-z ]+) is old")
_CAST = re.compile(r"[Kk]ettle (\d+) was cast in (\w+)")


class WritingLLM(ScriptedLLM):
    """Asks where the kettle of a passage was cast, and answers from the passage that says so."""

    def reply(self, text: str) -> str | None:
        """A question, or the answer to the last one in the prompt."""
        asked, cast = _ASKED.findall(text), _CAST.findall(text)
        if asked:
            return dict(cast).get(asked[-1], "NOT IN THE PASSAGES")
        number = cast[-1][0] if cast else "0"
        about = _ABOUT.findall(text)[-1] if cast else ""
        question = f"Where was kettle {number} of the {about} cast?"
        return json.dumps([{"type": "factoid", "question": question}])


def write_documents(path: Path, passages: int) -> Path:
    """A JSON lines file of documents of five passages, each with a kettle and words of its own."""
    from transformers import AutoTokenizer

    vocabulary = AutoTokenizer.from_pretrained(str(embeddings_path())).vocab
    words = sorted(
        word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 5
    )
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(passages):
            own = draw.sample(words, 15)
            text = f"Kettle {number} was cast in {draw.choice(_TOWNS)} by craftsmen of the town. "
            text += f"The {' '.join(own[:5])} is old and well known to the people who live there. "
            text += (
                f"It stands between the {own[5]} and the {own[6]}, near the {' '.join(own[7:])}."
            )
            row = {"title": f"Document {number // 5}", "text": text}
            file.write(json.dumps(row) + "\n")
    return path


def save_embedder(folder: Path) -> str:
    """MiniLM's table of tokens as an embedder: no layers, so that thousands take a second."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding

    minilm = SentenceTransformer(str(embeddings_path()), device="cpu")
    table = minilm[0].auto_model.embeddings.word_embeddings.weight.detach().numpy()
    backend: Any = minilm.tokenizer
    static = StaticEmbedding(backend.backend_tokenizer, embedding_weights=table)
    SentenceTransformer(modules=[static], device="cpu").save(str(folder))
    return str(folder)


def save_judge(folder: Path) -> str:
    """A small BERT that supports every answer."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForTokenClassification

    tokenizer = AutoTokenizer.from_pretrained(str(embeddings_path()))
    tokenizer.model_max_length = 512
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
        num_labels=2,
    )
    model = BertForTokenClassification(config).eval()
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([5.0, -5.0]))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
