"""Gold answers in every form are a list of texts, or an error that says what was found."""

import datetime
import io
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distilabel_rag4rag.data.gold_answers import gold_answers, read_answers
from distilabel_rag4rag.data.literals import looks_like_literal, parse_literal

NUMPY_GOLDS = np.array(["Torgau", "Torgau in 1712"], dtype=object)

FORMS = {
    "text": ("Torgau", ["Torgau"]),
    "list": (["Torgau", "Torgau in 1712"], ["Torgau", "Torgau in 1712"]),
    "tuple with a repeated answer": (("Torgau", "Torgau ", "Ulm"), ["Torgau", "Ulm"]),
    "numpy array": (NUMPY_GOLDS, ["Torgau", "Torgau in 1712"]),
    "blanks and missing values": (["", " ", None, float("nan"), pd.NA, "Ulm"], ["Ulm"]),
    "empty list": ([], []),
    "None": (None, []),
    "NaT": (pd.NaT, []),
    "SQuAD on the Hub": ({"text": ["a", "b"], "answer_start": [1, 5]}, ["a", "b"]),
    "SQuAD from pandas": ({"text": NUMPY_GOLDS[:1], "answer_start": np.array([0])}, ["Torgau"]),
    "SQuAD's files": ([{"text": "a", "answer_start": 1}, {"text": "b"}], ["a", "b"]),
    "one SQuAD answer": ({"text": "a", "answer_start": 1}, ["a"]),
    "an answer of None": ({"text": None}, []),
    "TriviaQA": (
        {"value": "Torgau", "aliases": ["Torgava", "Torgau"], "normalized_aliases": ["torgau"]},
        ["Torgau", "Torgava"],
    ),
    "an object with answer": ({"answer": "Torgau"}, ["Torgau"]),
    "MRQA": ([{"text": "a", "char_spans": [{"start": 1, "end": 1}]}], ["a"]),
    "QuAC": ({"texts": [["a", "b"]], "answer_starts": [[1, 2]]}, ["a", "b"]),
    "CoQA": ({"input_text": "white", "span_text": "a cat that is white"}, ["white"]),
    "DROP on the Hub": ({"spans": ["a"], "types": ["span"]}, ["a"]),
    "DROP, a number": (
        {"number": "3", "date": {"day": "", "month": "", "year": ""}, "spans": []},
        ["3"],
    ),
    "DROP, a date": (
        {"number": "", "date": {"day": "4", "month": "May", "year": "1712"}, "spans": []},
        ["4 May 1712"],
    ),
    "Natural Questions": (
        {"id": ["1"], "short_answers": [{"text": ["a"], "start_byte": [3]}], "yes_no_answer": [-1]},
        ["a"],
    ),
    "Natural Questions, yes or no": (
        {"short_answers": [{"text": [], "start_byte": []}], "yes_no_answer": [0]},
        ["no"],
    ),
    "BioASQ": ([["a", "b"], ["c"]], ["a", "b", "c"]),
    "BoolQ": (True, ["yes"]),
    "numpy bool": (np.False_, ["no"]),
    "whole float": (1712.0, ["1712"]),
    "numpy float": (np.float64(1712), ["1712"]),
    "other float": (17.5, ["17.5"]),
    "negative": ([-3.0, -2], ["-3", "-2"]),
    "infinite": (float("inf"), ["inf"]),
    "decimal": (Decimal("1.50"), ["1.50"]),
    "date": (datetime.date(1712, 3, 4), ["1712-03-04"]),
    "pandas' date": (pd.Timestamp("1712-03-04"), ["1712-03-04"]),
    "date and time": (datetime.datetime(1712, 3, 4, 5, 6), ["1712-03-04T05:06:00"]),
    "UUID": (uuid.UUID(int=1), ["00000000-0000-0000-0000-000000000001"]),
    "controls and surrogates": ("T\x1b[31mor\0gau\ud800", ["Torgau\ufffd"]),
    # Text that was a list or an object.
    "repr of a list": ("['Torgau', 'Torgau in 1712']", ["Torgau", "Torgau in 1712"]),
    "str of an array": (str(NUMPY_GOLDS), ["Torgau", "Torgau in 1712"]),
    "repr of an array": (repr(NUMPY_GOLDS), ["Torgau", "Torgau in 1712"]),
    "str of a long array": (
        str(np.array(["a" * 50, 'it\'s "b"', "c" * 50])),
        ["a" * 50, 'it\'s "b"', "c" * 50],
    ),
    "str of numbers": (str(np.array([1712.0, 1713.0])), ["1712", "1713"]),
    "numpy's scalars in a list": ("[np.str_('a'), np.float64(2.0)]", ["a", "2"]),
    "str of SQuAD from pandas": (
        str({"text": NUMPY_GOLDS, "answer_start": np.array([0, 0], dtype=np.int32)}),
        ["Torgau", "Torgau in 1712"],
    ),
    "JSON": ('["Torgau", null, "\\u00dclm"]', ["Torgau", "Ülm"]),
    "JSON in JSON": ('"[\\"Torgau\\"]"', ["Torgau"]),
    "JSON object": ('{"value": "a", "aliases": ["b"]}', ["a", "b"]),
    "text of a list in a list": (["['a', 'b']", "c"], ["a", "b", "c"]),
    "tuple": ("('a', 'b')", ["a", "b"]),
    "tuple of numbers": ("(1, 2)", ["1", "2"]),
    "list of one number": ("[1712]", ["1712"]),
    "set": ("{'a', 'b'}", ["a", "b"]),
    "list with nan": ("['a', nan]", ["a"]),
    "list of truth values": ("[False]", ["no"]),
    "blanks around": (" ['a']\n", ["a"]),
    "no answer": ("[]", []),
    "no answer in an array": ("array([], dtype=object)", []),
    # Text that was none.
    "brackets in the text": ("[sic] Torgau", ["[sic] Torgau"]),
    "quotation in parentheses": ('("Old Anna", they said)', ['("Old Anna", they said)']),
    "quotation": ('"Old Anna"', ['"Old Anna"']),
    "parentheses": ("(1712)", ["(1712)"]),
    "text of a number": ("007", ["007"]),
    "text of nothing": ("None", ["None"]),
}


@pytest.mark.parametrize(("value", "expected"), FORMS.values(), ids=FORMS)
def test_every_form_is_read(value: Any, expected: list[str]) -> None:
    answers = read_answers(value)
    assert answers.texts == expected
    assert answers.answerable is None


REFUSED = {
    "unknown keys": ({"start": 1, "end": 2}, "an object with the keys 'start', 'end', expected"),
    "keys inside a list": ([{"start_token": 1}], "an object with the keys 'start_token'"),
    "two keys": ({"text": "a", "answer": "b"}, "an object with the keys 'text', 'answer'"),
    "bytes": (b"Torgau", "expected text, found bytes"),
    "duration": (datetime.timedelta(1), "expected text, found timedelta"),
    "list without quotes": ("[Torgau, Ulm]", "looks like a list or an object that became text"),
    "PostgreSQL's array": ('{Torgau,"Bad Ulm"}', "looks like a list"),
    "cut off": ("['Torgau', 'Torg", "looks like a list"),
    "cut short by NumPy": ("['a' 'b' ... 'z']", "looks like a list"),
    "line end in a text": ("['a\n b' 'c']", "looks like a list"),
    "curly quotes": ("[‘Torgau’, ‘Ulm’]", "looks like a list"),
    "a call": ("['a', __import__('os')]", "looks like a list"),
    "Arrow": ("<pyarrow.ListScalar: ['Torgau']>", "looks like a list"),
    "tensor": ("tensor([1, 2])", "looks like a list"),
    "deep": ("[" * 5000, "looks like a list"),
    "object as text with unknown keys": ("{'start': 1}", "an object with the keys 'start'"),
}


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_an_error_that_says_where(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"^a\.csv, row 3, answers: ") as error:
        read_answers(value, "a.csv, row 3, answers: ")
    assert message in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    "value",
    [["CANNOTANSWER"], "No Answer Present.", {"value": "<unk>", "aliases": []}],
    ids=["QuAC", "MS MARCO", "TriviaQA"],
)
def test_what_datasets_write_for_no_answer_is_no_answer(value: Any) -> None:
    assert read_answers(value) == ([], False, False)
    assert read_answers([value, "Torgau"]) == (["Torgau"], None, False)


def test_an_empty_answer_in_squads_form_is_distinguished() -> None:
    empty = {"text": [], "answer_start": []}
    for value in (empty, str(empty), {"text": np.array([]), "answer_start": np.array([])}):
        assert read_answers(value) == ([], None, True)
    for value in ([], None, {"text": ["a"], "answer_start": [1]}, {"text": []}):
        assert not read_answers(value).is_empty_squad


SCALARS = st.text(st.characters(codec="utf-8")) | st.integers(-9999, 9999) | st.none()


@given(st.lists(SCALARS, min_size=1, max_size=5), st.sampled_from([str, "csv", "array"]))
def test_a_list_that_became_text_is_read_as_the_list(values: list[Any], way: Any) -> None:
    """Python's and NumPy's text of a list, and pandas' way through a CSV file."""
    if way is str:
        text = str(values)
    else:
        array = np.empty(len(values), dtype=object)
        array[:] = values
        text = str(array)
        if way == "csv":
            file = io.StringIO()
            pd.DataFrame({"answers": [array]}).to_csv(file, index=False)
            text = pd.read_csv(io.StringIO(file.getvalue()), keep_default_na=False)["answers"][0]
    assert looks_like_literal(text)
    assert parse_literal(text) == values
    assert read_answers(text) == read_answers(values)


@given(st.text("ab \n.,'\"[](){}:", max_size=30))
def test_text_that_looks_like_no_list_stays_as_it_is(text: str) -> None:
    if not looks_like_literal(text) and text.strip():
        assert read_answers(text).texts == [text]


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
        (False, ["no"]),
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
        ({"label": "Torgau"}, "found an object with the keys 'label', expected"),
        ([{"span": [0, 3]}], "found an object with the keys 'span'"),
        ("['Torgau', ", r"found \"\['Torgau', \""),
        ("{'text': array(['Torgau', ...], dtype=object", "expected text or a list of texts"),
        (b"Torgau", "expected text, found bytes"),
    ],
)
def test_forms_that_are_not_read(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gold_answers(value)


@pytest.mark.parametrize("text", ["nan", "NaN", "<NA>", "NaT", "null", " NULL "])
def test_a_missing_value_that_became_text_is_no_answer(text: str) -> None:
    assert gold_answers(text) == []
    assert gold_answers([text, "Torgau"]) == ["Torgau"]
    assert read_answers(text).answerable is None  # unknown, not unanswerable


@pytest.mark.parametrize("text", ["Nan", "None", "NA", "Null Island"])
def test_names_like_missing_values_are_answers(text: str) -> None:
    assert gold_answers(text) == [text]
