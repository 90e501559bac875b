"""Small sentence-transformers with random weights: real folders for the real code, in a second.

What they find means nothing until they are trained; that other weights find other passages is
what the tests need.
"""

import json
import os
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Dense, Pooling, Transformer
from transformers import AutoTokenizer, BertConfig, BertModel

from helpers.tiny_judges import MINILM

SIZE = 32


def save_embedder(folder: Path, seed: int = 0, max_seq_length: int = 512) -> str:
    """An embedder of Transformer, Pooling and Dense, each with files of its own."""
    tokenizer = AutoTokenizer.from_pretrained(str(MINILM))
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=SIZE,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=0.6,
    )
    bert = folder.with_name(f"{folder.name}-bert")
    BertModel(config).eval().save_pretrained(bert)
    tokenizer.save_pretrained(bert)
    model = SentenceTransformer(
        modules=[
            Transformer(str(bert), max_seq_length=max_seq_length),
            Pooling(SIZE, "mean"),
            Dense(SIZE, SIZE, bias=False, activation_function=torch.nn.Tanh()),
        ],
        device="cpu",
    )
    model.save(str(folder))
    return str(folder)


def train_in_place(folder: str, question: str, passage: str, steps: int = 40) -> None:
    """Fine-tunes the model in its own folder until the passage is the question's nearest."""
    model = SentenceTransformer(folder, device="cpu")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(steps):
        vectors = [
            model(model.tokenize([text]))["sentence_embedding"][0] for text in (question, passage)
        ]
        loss = 1 - torch.nn.functional.cosine_similarity(*vectors, dim=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save(folder)


def edit_json(file: Path, **changes: object) -> None:
    """Changes values of a JSON file and leaves its time as it was."""
    stat = file.stat()
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
