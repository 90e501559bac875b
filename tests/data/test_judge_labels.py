"""Files of labelled answers."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from distilabel_rag4rag.data.judge_labels import LabelledAnswer, read_labels
from distilabel_rag4rag.errors import ConfigError


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_rows_with_spans_with_verdicts_and_with_both(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "labels.jsonl",
        {"answer": "In 1712.", "contexts": ["Cast in 1712."], "labels": []},
        {"answer": "In 1989.", "context": "Cast in 1712.", "labels": [{"start": 3, "end": 7}]},
        {"answer": "Ulm", "context": "In Torgau.", "question": "Where?", "hallucinated": True},
        {"answer": "Torgau", "context": "In Torgau.", "kind": "town", "hallucinated": False},
        {"answer": "Ulm", "context": "In Torgau.", "labels": [], "hallucinated": True, "weight": 2},
    )
    assert read_labels(file) == [
        LabelledAnswer("labelled", ("Cast in 1712.",), None, "In 1712.", False, ()),
        LabelledAnswer("labelled", ("Cast in 1712.",), None, "In 1989.", True, ((3, 7),)),
        LabelledAnswer("labelled", ("In Torgau.",), "Where?", "Ulm", True, None),
        LabelledAnswer("town", ("In Torgau.",), None, "Torgau", False, ()),
        LabelledAnswer("labelled", ("In Torgau.",), None, "Ulm", True, None, weight=2.0),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"answer": "Ulm", "context": "Torgau."}, "expected `labels` or `hallucinated`"),
        ({"context": "Torgau.", "hallucinated": True}, "answer Field required"),
        ({"answer": "Ulm", "hallucinated": True}, "contexts Field required"),
        (
            {"answer": "Ulm", "context": "Torgau.", "labels": [{"start": 0, "end": 4}]},
            "a label lies outside the answer",
        ),
        (
            {
                "answer": "Ulm",
                "context": "Torgau.",
                "labels": [{"start": 0, "end": 3}],
                "hallucinated": False,
            },
            "`hallucinated` is false and `labels` names spans",
        ),
    ],
)
def test_a_row_that_is_wrong_is_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    good = {"answer": "Ulm", "context": "Torgau.", "hallucinated": True}
    file = lines(tmp_path / "labels.jsonl", good, row)
    with pytest.raises(ConfigError) as caught:
        read_labels(file)
    assert f"row 2: {said}" in str(caught.value)


@pytest.mark.parametrize(
    ("column", "cells", "expected"),
    [
        ("hallucinated", ["True", "False"], [True, False]),
        ("hallucinated", ["1.0", "0.0"], [True, False]),
        ("hallucinated", ["yes", " no"], [True, False]),
        ("labels", ['[{""start"": 0, ""end"": 3}]', "[]"], [True, False]),
        ("labels", ["[{'start': 0, 'end': 3}]", "[]"], [True, False]),
    ],
)
def test_cells_of_a_csv_file(
    tmp_path: Path, column: str, cells: list[str], expected: list[bool]
) -> None:
    file = tmp_path / "labels.csv"
    rows = "".join(f'Ulm,Torgau.,"{cell}"\n' for cell in cells)
    file.write_text(f"answer,context,{column}\n{rows}", "utf-8")
    found = read_labels(file)
    assert [one.unsupported for one in found] == expected
    if column == "labels":
        assert [one.spans for one in found] == [((0, 3),), ()]
    file.write_text(f'answer,context,{column}\n{rows}Ulm,Torgau.,""\n', "utf-8")
    with pytest.raises(ConfigError, match="row 3: expected `labels` or `hallucinated`"):
        read_labels(file)


def test_what_review_pull_writes(tmp_path: Path) -> None:
    span = [{"start": 0, "end": 3}]
    rows = [
        ("rag4rag", "Torgau", False, "supported", [], 4.0),
        ("zero_shot", "Ulm", True, "partly", span, 2.0),
        ("zero_shot", "Ulm", True, "hallucinated", [], 2.0),
        ("zero_shot", "Ulm", True, "partly", [], 2.0),
        ("zero_shot", "Ulm", None, None, [], None),
        ("zero_shot", None, True, "hallucinated", [], 2.0),
    ]
    names = (
        "arm", "answer", "gold_hallucinated", "gold_verdict", "gold_spans", "review_weight",
    )  # fmt: skip
    gold = pd.DataFrame(rows, columns=names).assign(question="Where?", context="In Torgau.")
    gold.to_parquet(tmp_path / "gold.parquet")
    notes: list[str] = []
    found = read_labels(tmp_path / "gold.parquet", notes)
    assert [(a.kind, a.answer, a.unsupported, a.spans, a.weight) for a in found] == [
        ("rag4rag", "Torgau", False, (), 4.0),
        ("zero_shot", "Ulm", True, ((0, 3),), 2.0),
        ("zero_shot", "Ulm", True, ((0, 3),), 2.0),
        ("zero_shot", "Ulm", True, None, 2.0),
    ]
    assert notes == ["Left out: 2 rows without a label by a majority or a passage."]
