"""Pairs of a question and what answers it, as sentence-transformers trains on them."""

import pyarrow as pa


def passage_pairs(rows: pa.Table) -> pa.Table:
    """`anchor` (the question) and `positive` (the source passage)."""
    return pa.table({"anchor": rows["question"], "positive": rows["context"]})


def answer_pairs(rows: pa.Table) -> pa.Table:
    """`anchor` (the question) and `positive` (the answer): the published form."""
    return pa.table({"anchor": rows["question"], "positive": rows["answer"]})
