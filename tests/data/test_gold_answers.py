"""Human answers in the forms that data sets and files keep them in."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

from distilabel_rag4rag.data.gold_answers import gold_answers

TWO = ["Torgau", "Torgau in 1712"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, []),
        (float("nan"), []),
        (pd.NA, []),
        (" ", []),
        ("Torgau", ["Torgau"]),
        (TWO, TWO),
        ((*TWO, "Torgau", "", None), TWO),
        (np.array(TWO, dtype=object), TWO),
        ({"text": TWO, "answer_start": [0, 0]}, TWO),
        ({"text": np.array(TWO), "answer_start": np.array([0, 0])}, TWO),
        ([{"text": "Torgau", "answer_start": 3}, {"text": "Torgau in 1712"}], TWO),
        ({"text": [], "answer_start": []}, []),
        ({"value": "Torgau", "aliases": ["Torgau in 1712"], "type": "x"}, TWO),
        ({"answer": "Torgau"}, ["Torgau"]),
        ({"answers": TWO}, TWO),
        (1712, ["1712"]),
        (1712.0, ["1712"]),
        (np.float64(1712.0), ["1712"]),
        (0.5, ["0.5"]),
        (0, ["0"]),
        (False, ["False"]),
        ([1712.0, "in 1712"], ["1712", "in 1712"]),
    ],
)
def test_forms_of_answers(value: Any, expected: list[str]) -> None:
    assert gold_answers(value) == expected


@pytest.mark.parametrize(
    "text",
    [
        "['Torgau', 'Torgau in 1712']",
        '["Torgau", "Torgau in 1712"]',
        "['Torgau' 'Torgau in 1712']",
        "['Torgau'\n 'Torgau in 1712']",
        "array(['Torgau', 'Torgau in 1712'], dtype=object)",
        "array(['Torgau', 'Torgau in 1712'], dtype='<U14')",
        "{'text': array(['Torgau', 'Torgau in 1712'], dtype=object), 'answer_start': array([3, 3], "
        "dtype=int32)}",
        "{'text': ['Torgau', 'Torgau in 1712'], 'answer_start': [3, 3]}",
        '{"value": "Torgau", "aliases": ["Torgau in 1712"]}',
        "[{'text': 'Torgau'}, {'text': 'Torgau in 1712'}]",
    ],
)
def test_lists_that_became_text(text: str) -> None:
    assert gold_answers(text) == TWO


def test_what_pandas_writes_to_csv_is_read() -> None:
    forms = [TWO, np.array(TWO, dtype=object), {"text": np.array(TWO, dtype=object)}, []]
    file = io.StringIO()
    pd.DataFrame({"answers": forms}).to_csv(file)
    file.seek(0)
    found = pd.read_csv(file)["answers"].map(gold_answers)
    assert found.tolist() == [TWO, TWO, TWO, []]


@pytest.mark.parametrize("text", ["[sic]", "[1712", "(Torgau)", "a list: ['x']", "{Torgau}", "'x'"])
def test_brackets_in_a_text(text: str) -> None:
    assert gold_answers(text) == [text]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"label": "Torgau"}, r"found the keys \['label'\], expected one of"),
        ([{"span": [0, 3]}], r"found the keys \['span'\]"),
        ("['Torgau', ", r"found \"\['Torgau', \""),
        ("{'text': array(['Torgau', ...], dtype=object", "expected a text, or a list"),
        (b"Torgau", "found a bytes"),
    ],
)
def test_forms_that_are_not_read(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gold_answers(value)
