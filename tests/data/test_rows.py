"""Every kind of source gives the same rows with the same ids; what is wrong is named."""

import csv
import json
import logging
import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict, Image
from hypothesis import given, settings
from hypothesis import strategies as st

from distilabel_rag4rag.data.rows import load_passages, load_rows, passage_id
from distilabel_rag4rag.schema import arrow_schema
from distilabel_rag4rag.utils.text import clean_text

GIVEN = ["id", "passage_id", "title", "context", "question", "human_answer"]
NAMES = [*GIVEN, "human_answers", "answerable"]
SETHE, OULDER = "The Sethe is brown with peat.", "The Oulder carries the most water."

#: Two passages, three questions, one of them without an answer.
ROWS = [
    {
        "id": "a",
        "passage_id": passage_id(SETHE),
        "title": "Rivers",
        "context": SETHE,
        "question": "What makes the Sethe brown?",
        "human_answer": "peat",
    },
    {
        "id": "b",
        "passage_id": passage_id(SETHE),
        "title": "Rivers",
        "context": SETHE,
        "question": "Who dammed the Sethe?",
        "human_answer": None,
    },
    {
        "id": "c",
        "passage_id": passage_id(OULDER),
        "title": "Rivers",
        "context": OULDER,
        "question": "Which river carries the most water?",
        "human_answer": "The Oulder",
    },
]


def loaded(rows: list[dict[str, Any]], *answerable: bool | None) -> list[dict[str, Any]]:
    """The rows as they are loaded."""
    said = answerable or (None,) * len(rows)
    return [
        row
        | {
            "human_answers": [row["human_answer"]] if row["human_answer"] else None,
            "answerable": one,
        }
        for row, one in zip(rows, said, strict=True)
    ]


PASSAGES = [
    {"passage_id": passage_id(text), "title": "Rivers", "context": text} for text in (SETHE, OULDER)
]
HUB_ROWS = [  # as rajpurkar/squad_v2 has them
    {
        **{name: row[name] for name in ("id", "title", "context", "question")},
        "answers": {
            "text": [row["human_answer"]] if row["human_answer"] else [],
            "answer_start": [0] if row["human_answer"] else [],
        },
    }
    for row in ROWS
]
SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Rivers",
            "paragraphs": [
                {
                    "context": SETHE,
                    "qas": [
                        {
                            "id": "a",
                            "question": ROWS[0]["question"],
                            "answers": [
                                {"text": "peat", "answer_start": 24},
                                {"text": "with peat", "answer_start": 19},
                            ],
                        },
                        {
                            "id": "b",
                            "question": ROWS[1]["question"],
                            "is_impossible": True,
                            "answers": [{"text": "peat", "answer_start": 24}],
                        },
                    ],
                },
                {"context": "Nobody asks about the Hask.", "qas": []},
                {
                    "context": OULDER,
                    "qas": [
                        {
                            "id": "c",
                            "question": ROWS[2]["question"],
                            "is_impossible": False,
                            "answers": [{"text": "The Oulder", "answer_start": 0}],
                        }
                    ],
                },
            ],
        }
    ],
}


def rows_of(source: Any, **settings: Any) -> list[dict[str, Any]]:
    return load_rows(source, **settings).to_list()


def json_lines(records: list[Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def write_csv(path: Path, separator: str) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, GIVEN, delimiter=separator)
        writer.writeheader()
        writer.writerows(ROWS)


WRITERS = {
    "rows.json": lambda path: write(path, json.dumps(ROWS)),
    "squad.json": lambda path: write(path, json.dumps(SQUAD)),
    "lines.json": lambda path: write(path, json_lines(ROWS)),
    "rows.jsonl": lambda path: write(path, json_lines(ROWS).replace("\n", "\r\n\r\n")),
    "hub.ndjson": lambda path: write(path, json_lines(HUB_ROWS)),
    "rows.csv": lambda path: write_csv(path, ","),
    "rows.TSV": lambda path: write_csv(path, "\t"),
    "rows.parquet": lambda path: Dataset.from_list(HUB_ROWS).to_parquet(path),
    "saved": lambda path: Dataset.from_list(ROWS).save_to_disk(path),
    "saved_dict": lambda path: DatasetDict(test=Dataset.from_list(ROWS)).save_to_disk(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_file_gives_the_same_rows_and_passages(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    rows = load_rows(tmp_path / name)
    expected_rows = loaded(ROWS)
    if name in ("squad.json", "hub.ndjson", "rows.parquet"):  # say that there is no answer to b
        expected_rows = loaded(ROWS, None, False, True if name == "squad.json" else None)
    if name == "squad.json":
        expected_rows[0]["human_answers"] = ["peat", "with peat"]
    assert rows.to_list() == expected_rows
    assert rows.features.arrow_schema.remove_metadata() == arrow_schema(*NAMES)
    assert rows_of(str(tmp_path / name)) == expected_rows
    passages = load_passages(tmp_path / name)
    expected = list(PASSAGES)
    if name == "squad.json":  # a paragraph without questions is a passage too
        text = "Nobody asks about the Hask."
        hask = {"passage_id": passage_id(text), "title": "Rivers", "context": text}
        expected.insert(1, hask)
    assert passages.to_list() == expected
    schema = arrow_schema("passage_id", "title", "context")
    assert passages.features.arrow_schema.remove_metadata() == schema


@pytest.mark.parametrize(
    "source",
    [ROWS, HUB_ROWS, Dataset.from_list(ROWS), DatasetDict(only=Dataset.from_list(HUB_ROWS))],
    ids=["list", "hub list", "Dataset", "DatasetDict"],
)
def test_every_object_gives_the_same_rows_and_passages(source: Any) -> None:
    is_hub = source is HUB_ROWS or isinstance(source, DatasetDict)
    assert rows_of(source) == (loaded(ROWS, None, False, None) if is_hub else loaded(ROWS))
    assert load_passages(source).to_list() == PASSAGES


def test_nothing_is_the_sample_world() -> None:
    rows, passages = load_rows(), load_passages()
    assert (len(rows), len(passages)) == (176, 52)
    assert rows[0] | {"context": ""} == {
        "id": "orrenda-1-1",
        "passage_id": passages[0]["passage_id"],
        "title": "Orrenda",
        "context": "",
        "question": "How many islands make up the archipelago of Orrenda?",
        "human_answer": "31",
        "human_answers": ["31"],
        "answerable": None,
    }
    assert set(rows["passage_id"]) == set(passages["passage_id"])


def test_the_hub_is_asked_for_name_and_config(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(name: str, config: str | None) -> DatasetDict:
        asked.append((name, config))
        return DatasetDict(
            train=Dataset.from_list(HUB_ROWS), validation=Dataset.from_list(HUB_ROWS[:1])
        )

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    assert rows_of("rajpurkar/squad_v2") == loaded(ROWS, None, False, None)
    assert rows_of("owner/name:a.config", split="validation") == loaded(ROWS[:1])
    assert asked == [("rajpurkar/squad_v2", None), ("owner/name", "a.config")]


# Columns


def test_columns_name_the_sources_own() -> None:
    source = [{"q": "Who?", "passage_text": SETHE, "gold": ["peat", "mud"], "doc": 7, "title": "x"}]
    columns = {
        "question": "q",
        "context": "passage_text",
        "human_answer": "gold",
        "passage_id": "doc",
        "title": None,
    }
    (row,) = rows_of(source, columns=columns)
    assert row | {"id": ""} == {
        "id": "",
        "passage_id": "7",
        "title": None,
        "context": SETHE,
        "question": "Who?",
        "human_answer": "peat",
        "human_answers": ["peat", "mud"],
        "answerable": None,
    }
    assert load_passages(source, columns=columns).to_list() == [
        {"passage_id": "7", "title": None, "context": SETHE}
    ]


def test_published_names_are_understood() -> None:
    source = [{"anchor": "Who?", "text": SETHE, "human_positive": "peat", "answer": "an LLM's"}]
    (row,) = rows_of(source)
    assert (row["question"], row["context"], row["human_answer"]) == ("Who?", SETHE, "peat")


def test_our_names_come_before_aliases() -> None:
    (row,) = rows_of([{"question": "ours", "anchor": "theirs", "context": SETHE, "text": "no"}])
    assert (row["question"], row["context"]) == ("ours", SETHE)


def test_two_aliases_are_not_guessed_between() -> None:
    source = [{"anchor": "a", "query": "b", "context": SETHE}]
    with pytest.raises(ValueError, match=r"found \['anchor', 'query'\], expected one column for q"):
        load_rows(source)
    assert rows_of(source, columns={"question": "query"})[0]["question"] == "b"


def test_a_missing_column_names_what_was_found_and_the_setting() -> None:
    message = (
        r"columns: found \['context', 'q'\], expected a column for question in the list: "
        r"'question' or 'anchor' or 'query'. If it is there, name it with `columns.question`."
    )
    with pytest.raises(ValueError, match=message):
        load_rows([{"context": SETHE, "q": "Who?"}])
    with pytest.raises(ValueError, match=r"found \['context', 'question'\], .*'gold'"):
        load_rows([{"context": SETHE, "question": "?"}], columns={"human_answer": "gold"})
    with pytest.raises(ValueError, match=r"columns: found \['answer'\], expected some of \['id'"):
        load_rows(ROWS, columns={"answer": "human_answer"})
    with pytest.raises(ValueError, match="expected a column for question"):
        load_rows(ROWS, columns={"question": None})


def test_only_the_columns_that_are_wanted_are_read() -> None:
    """An image that cannot be decoded does not matter: the column was not asked for."""
    dataset = Dataset.from_list([{**row, "image": {"bytes": b"no", "path": None}} for row in ROWS])
    dataset = dataset.cast_column("image", Image())
    assert rows_of(dataset) == loaded(ROWS)
    numpy = Dataset.from_list(HUB_ROWS).with_format("numpy")
    assert rows_of(numpy) == loaded(ROWS, None, False, None)


def test_splits() -> None:
    parts = DatasetDict(train=Dataset.from_list(ROWS[:1]), test=Dataset.from_list(ROWS[1:]))
    assert rows_of(parts) == loaded(ROWS[:1])
    assert rows_of(parts, split="test") == loaded(ROWS[1:])
    with pytest.raises(ValueError, match="split: found 'dev', expected one of train, test"):
        load_rows(parts, split="dev")
    del parts["train"]
    parts["dev"] = parts["test"]
    with pytest.raises(ValueError, match="split: found None, expected one of test, dev"):
        load_rows(parts)
    with pytest.raises(ValueError, match="split: found 'test', expected None, as the list has no"):
        load_rows(ROWS, split="test")


# Values


def test_rows_with_empty_fields_stay_in_their_place() -> None:
    source = [
        {"context": SETHE, "question": "", "human_answer": " "},
        {"context": None, "question": "Who?", "human_answer": 1989},
        {"context": "  ", "question": None, "human_answer": float("nan")},
        {"context": SETHE, "human_answer": {"text": None}},
    ]
    assert [list(row.values())[1:] for row in rows_of(source)] == [
        [passage_id(SETHE), None, SETHE, "", None, None, None],
        [None, None, None, "Who?", "1989", ["1989"], None],
        [None, None, "  ", None, None, None, None],
        [passage_id(SETHE), None, SETHE, None, None, None, None],
    ]


def test_text_of_a_csv_stays_text(tmp_path: Path) -> None:
    text = 'context,question,human_answer\n"Two\nlines, a ""quote""",NA,007\nnull,1e5,None\n'
    rows = rows_of(write(tmp_path / "odd.csv", text))
    assert [(row["context"], row["question"], row["human_answer"]) for row in rows] == [
        ('Two\nlines, a "quote"', "NA", "007"),
        ("null", "1e5", "None"),
    ]


def test_all_answers_missing_give_the_same_schema() -> None:
    rows = load_rows([{"context": SETHE, "question": question} for question in ("Who?", "Why?")])
    assert rows["human_answer"][:] == rows["human_answers"][:] == [None, None]
    assert rows.features.arrow_schema.field("human_answer").type == pa.string()
    assert rows.features.arrow_schema.field("human_answers").type == pa.list_(pa.string())


def test_text_that_arrow_cannot_hold(tmp_path: Path) -> None:
    line = '{"context": "a\\ud800b \\u0000 \\ud83d\\ude00\u2028end", "question": "\\udfffWho?"}\n'
    (row,) = rows_of(write(tmp_path / "odd.jsonl", line))
    assert (row["context"], row["question"]) == ("a\ufffdb  😀\u2028end", "\ufffdWho?")
    with_nul = write(tmp_path / "odd.csv", "context,question\na\0b,Who?\n")
    assert rows_of(with_nul)[0]["context"] == "ab"


@given(st.text(st.characters(codec=None, exclude_characters="\x1b")))
def test_clean_text_is_what_utf8_can_hold(text: str) -> None:
    """Letters stay; the rest is in tests/utils/test_text.py."""
    cleaned = clean_text(text)
    assert cleaned.encode().decode() == cleaned
    letters = [character for character in text if unicodedata.category(character)[0] == "L"]
    assert [one for one in cleaned if unicodedata.category(one)[0] == "L"] == letters


def test_a_value_that_is_no_text_is_named() -> None:
    source = [*ROWS, {"context": ["a", "b"], "question": "Who?"}]
    with pytest.raises(ValueError, match="the list, row 4, context: expected text, found list"):
        load_rows(source)


# Ids


def test_passage_ids_are_a_fixed_function_of_the_text() -> None:
    """Saved indexes and datasets hold these: they may not change from release to release."""
    assert passage_id("The Sethe is brown with peat.") == "92b16a3df78ae570"
    assert passage_id("e\u0301 ") == passage_id("é") == "4a99557e4033c353"
    assert passage_id("") == "e3b0c44298fc1c14"
    assert passage_id("\ud800") == passage_id("\ufffd")


@given(
    st.text(st.characters(exclude_characters="\x1b")),
    st.sampled_from(["NFC", "NFD"]),
    st.sampled_from(["", " ", "\n\t "]),
)
def test_passage_id_ignores_unicode_form_and_outer_space(text: str, form: str, space: str) -> None:
    same = space + unicodedata.normalize(form, text) + space
    assert passage_id(same) == passage_id(text)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("a é\u0301", max_size=3), min_size=1, max_size=8), st.integers(1, 8))
def test_ids_do_not_depend_on_the_rows_that_follow(texts: list[str], first: int) -> None:
    source = [{"context": text, "question": "Who?"} for text in texts]
    rows = load_rows(source)
    ids = [passage_id(text) if text.strip() else None for text in texts]
    # An empty passage is a row of its own; any other comes once with the same question.
    repeated = [key is not None and key in ids[:i] for i, key in enumerate(ids)]
    kept = [key for key, again in zip(ids, repeated, strict=True) if not again]
    assert rows["passage_id"][:] == kept
    assert len(set(rows["id"])) == len(kept)
    before = first - sum(repeated[:first])
    assert load_rows(source[:first])["id"][:] == rows["id"][:before]


def test_equal_rows_without_ids_are_numbered_past_given_ones() -> None:
    """Rows without a question; those with one are merged."""
    row = {"context": SETHE, "question": ""}
    key = load_rows([row])[0]["id"]
    source = [row, row | {"id": f"{key}-2"}, row | {"question": " "}, row | {"id": None}]
    assert [r["id"] for r in rows_of(source)] == [key, f"{key}-2", f"{key}-3", f"{key}-4"]


def test_an_id_given_twice_is_an_error_with_a_way_out() -> None:
    twice = [ROWS[0], ROWS[1] | {"id": "a"}, ROWS[2]]
    with pytest.raises(ValueError, match=r"id 'a' stands on 2 rows \(1 ids are not unique\)"):
        load_rows(twice)
    assert len(set(load_rows(twice, columns={"id": None})["id"])) == 3


def test_a_passage_id_of_two_texts_is_an_error() -> None:
    source = [
        {"passage_id": "p", "context": SETHE, "question": "1"},
        {"passage_id": "p", "context": OULDER, "question": "2"},
    ]
    for load in (load_rows, load_passages):
        with pytest.raises(ValueError, match="passage_id 'p' stands for two different texts"):
            load(source)
        assert load(source, columns={"passage_id": None})["passage_id"][:] == [
            passage_id(SETHE),
            passage_id(OULDER),
        ]


# A limit


def test_limit_is_a_seeded_sample_in_the_order_of_the_source() -> None:
    every = load_rows()["id"][:]
    small = load_rows(limit=10, seed=1)["id"][:]
    large = load_rows(limit=40, seed=1)["id"][:]
    assert len(small) == 10
    assert small == load_rows(limit=10, seed=1)["id"][:]
    assert small == [one for one in every if one in small] != every[:10]
    assert set(small) < set(large) < set(every)
    assert small != load_rows(limit=10, seed=2)["id"][:]
    assert load_rows(limit=1000)["id"][:] == every
    with pytest.raises(ValueError, match="limit: found 0, expected at least 1"):
        load_rows(limit=0)


# Passages


def test_passages_come_once_in_order_and_empty_ones_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = [{"text": text} for text in (OULDER, "", SETHE, f" {OULDER}\n", None)]
    with caplog.at_level(logging.WARNING):
        assert load_passages(source)["context"][:] == [OULDER, SETHE]
    assert "the list: left out 2 empty passages" in caplog.text
    with pytest.raises(ValueError, match="none of its 2 passages has text"):
        load_passages([{"text": ""}, {"text": " "}])


def test_a_beir_corpus() -> None:
    source = [{"_id": "d1", "title": "Rivers", "text": SETHE}]
    assert load_passages(source, columns={"passage_id": "_id"}).to_list() == [
        {"passage_id": "d1", "title": "Rivers", "context": SETHE}
    ]


def test_a_folder_of_text(tmp_path: Path) -> None:
    (tmp_path / "guide").mkdir()
    write(tmp_path / "guide" / "a.md", "# Rivers\r\n\r\nThe Sethe.\r\n\r\n## More\r\nThe Oulder.")
    write(tmp_path / "b.txt", "One two.\n\nThree four.\n\nFive six seven.")
    write(tmp_path / "c.log", "not read")
    (tmp_path / ".hidden").mkdir()
    write(tmp_path / ".hidden" / "d.md", "not read")
    expected = [
        ("b.txt", "One two.\n\nThree four."),
        ("b.txt", "Five six seven."),
        ("Rivers", "# Rivers\n\nThe Sethe."),
        ("Rivers", "## More\nThe Oulder."),
    ]
    passages = load_passages(tmp_path, max_tokens=8).to_list()
    assert [(row["title"], row["context"]) for row in passages] == expected
    alone = load_passages(tmp_path / "b.txt", max_tokens=8).to_list()
    assert [(row["title"], row["context"]) for row in alone] == expected[:2]
    message = r"found \['title', 'context'\], expected a column for question.*`question` column is"
    with pytest.raises(ValueError, match=message):
        load_rows(tmp_path)
    with pytest.raises(ValueError, match="max_tokens: found 0, expected at least 8"):
        load_passages(tmp_path, max_tokens=0)


# What is wrong is named


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.jsonl", "", "empty.jsonl is empty"),
        ("empty.json", "[]", "empty.json holds no rows"),
        ("empty.csv", "", "empty.csv holds no rows"),
        ("header.csv", "context,question\n", "header.csv holds no rows"),
        ("bad.jsonl", '{"a": 1}\n\n{"a": \n', "bad.jsonl, line 3: not JSON"),
        ("bad.json", '[{"a": 1},\n{"a": }]', "bad.json, line 2: not JSON"),
        ("list.jsonl", "[1]\n", "list.jsonl, line 1: expected an object, found list"),
        ("items.json", "[1]", "items.json, row 1: expected an object, found int"),
        ("text.json", '"text"', "text.json: expected a list of objects, found str"),
        ("dict.json", '{"rows": []}', "found an object with the keys rows"),
        ("squad.json", '{"data": [{"title": "x"}]}', "document 1 is not in SQuAD's form"),
        ("squad.json", '{"data": ["x"]}', "document 1 is not in SQuAD's form"),
        (
            "ragged.csv",
            "context,question\na,b\na,b,c\n",
            "line 3: not CSV separated by ',': expected 2 fields",
        ),
        (
            "short.csv",
            "context,question\na,b\na\n",
            "line 3: not CSV separated by ',': expected 2 fields",
        ),
        ("quote.csv", 'context,question\na,"b\n', "quote.csv, line 2: not CSV separated"),
        ("bad.parquet", "not parquet", "bad.parquet: not parquet"),
        ("rows.xlsx", "x", "unknown suffix '.xlsx'; expected one of .json, .jsonl"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(ValueError, match=message) as error:
        load_rows(path)
    assert str(path) in str(error.value)


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("context,question\nÉmile,Who?\n".encode("latin-1"))
    notes: list[str] = []
    assert load_rows(path, notes=notes)["context"][:] == ["Émile"]
    assert notes == [f"{path}: not UTF-8, read as cp1252; save as UTF-8 to be sure"]
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(ValueError, match=r"latin\.csv is not UTF-8 text"):
        load_rows(path)


def test_a_source_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"gone\.jsonl does not exist"):
        load_rows("gone.jsonl")
    with pytest.raises(ValueError, match="does not exist"):
        load_rows(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"expected a folder saved by datasets.*found nothing"):
        load_rows(tmp_path)
    with pytest.raises(ValueError, match="source: found int; expected a path"):
        load_rows(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the list holds no rows"):
        load_rows([])
    with pytest.raises(ValueError, match="the dataset holds no rows"):
        load_rows(Dataset.from_list(ROWS).select([]))

    def unreachable(name: str, config: str | None) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr("datasets.load_dataset", unreachable)
    message = "nobody/nothing is no file or folder here, and .* ConnectionError: no network"
    with pytest.raises(ValueError, match=message):
        load_rows("nobody/nothing")


def test_parquet_reads_only_the_columns_that_are_wanted(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([{**row, "extra": [0.0] * 3} for row in ROWS])
    pq.write_table(table, tmp_path / "wide.parquet")
    assert rows_of(tmp_path / "wide.parquet") == loaded(ROWS)


@pytest.mark.parametrize("content", ["context;question\na;b\n", '"context";"question"\n"a";"b"\n'])
def test_a_csv_with_another_separator_says_so(tmp_path: Path, content: str) -> None:
    path = write(tmp_path / "semi.csv", content)
    notes: list[str] = []
    (row,) = load_rows(path, notes=notes).to_list()
    assert (row["context"], row["question"]) == ("a", "b")
    assert notes == [f"{path}: its fields are separated by ';'"]


def test_a_header_may_hold_a_separator(tmp_path: Path) -> None:
    path = write(tmp_path / "one.csv", '"text, raw"\n"a, b"\n' + "c" * 200_000 + "\n")
    passages = load_passages(path, columns={"context": "text, raw"})
    assert [passage["context"][:4] for passage in passages] == ["a, b", "cccc"]


# Forms of the usual datasets

BELL = "The kettle was cast in Torgau in 1712."
ASKED = "In which town was the kettle cast?"
GOLD = {"human_answer": "answer"}

#: A record, the columns that are named, and the human answers and `answerable` of its row.
SHAPES: dict[str, tuple[dict[str, Any], dict[str, str | None], list[str] | None, bool | None]] = {
    "HotpotQA, flattened": ({"answer": "Torgau", "level": "easy"}, GOLD, ["Torgau"], None),
    "MS MARCO": ({"answers": ["Torgau", "In Torgau."]}, {}, ["Torgau", "In Torgau."], None),
    "MS MARCO, no answer": ({"answers": ["No Answer Present."]}, {}, None, False),
    "DROP": (
        {"answers_spans": {"spans": ["Torgau"], "types": ["span"]}},
        {"human_answers": "answers_spans"},
        ["Torgau"],
        None,
    ),
    "BoolQ": ({"answer": True}, GOLD, ["yes"], None),
    "TriviaQA": (
        {"answer": {"value": "Torgau", "aliases": ["Torgava"], "type": "WikipediaEntity"}},
        GOLD,
        ["Torgau", "Torgava"],
        None,
    ),
    "Natural Questions": (
        {"annotations": {"short_answers": [{"text": ["Torgau"]}], "yes_no_answer": [-1]}},
        {"human_answers": "annotations"},
        ["Torgau"],
        None,
    ),
    "NQ-open": ({"answer": ["Torgau", "Torgava"]}, GOLD, ["Torgau", "Torgava"], None),
    "QuAC": (
        {"orig_answers": {"texts": ["CANNOTANSWER"], "answer_starts": [7]}},
        {"human_answers": "orig_answers"},
        None,
        False,
    ),
    "MRQA": (
        {"answers": ["Torgau"], "detected_answers": [{"text": "Torgau"}]},
        {},
        ["Torgau"],
        None,
    ),
    "SQuAD 2.0, converted": (
        {"answers": {"text": [], "answer_start": []}, "is_impossible": True},
        {},
        None,
        False,
    ),
    "SQuAD 2.0, plausible answers": (
        {"is_impossible": "true", "plausible_answers": [{"text": "Ulm"}], "answers": []},
        {},
        None,
        False,
    ),
    "answerable, as text": ({"answerable": "False", "answers": "x"}, {}, None, False),
    "answerable, as a number": ({"answerable": 1, "answers": "x"}, {}, ["x"], True),
    "unknown": ({"is_impossible": None, "answers": "x"}, {}, ["x"], None),
    "list in a CSV file": (
        {"answers": "['Torgau' 'in Torgau']"},
        {},
        ["Torgau", "in Torgau"],
        None,
    ),
    "SQuAD in a CSV file": (
        {"answers": "{'text': array(['Torgau'], dtype=object), 'answer_start': array([24])}"},
        {},
        ["Torgau"],
        None,
    ),
    "our own": ({"human_answer": "a", "human_answers": ["a", "b"]}, {}, ["a", "b"], None),
    "our own in a CSV file": (
        {"human_answer": "a", "human_answers": "['a', 'b']"},
        {},
        ["a", "b"],
        None,
    ),
    "one is named": (
        {"human_answer": "a", "answers": ["b"], "x": "c"},
        {"human_answer": "x"},
        ["c"],
        None,
    ),
    "unused": ({"human_answer": "a", "answers": ["b"]}, {"human_answers": None}, None, None),
    "year": ({"answers": 1712.0}, {}, ["1712"], None),
}


@pytest.mark.parametrize(("record", "columns", "golds", "answerable"), SHAPES.values(), ids=SHAPES)
def test_human_answers_of_the_usual_datasets(
    record: dict[str, Any],
    columns: dict[str, str | None],
    golds: list[str] | None,
    answerable: bool | None,
) -> None:
    (row,) = rows_of([{"context": BELL, "question": ASKED} | record], columns=columns)
    assert row["human_answers"] == golds
    assert row["human_answer"] == (golds[0] if golds else None)
    assert row["answerable"] is answerable


UNREADABLE = {
    "NewsQA": (
        {"answers": {"s": 3, "e": 9}},
        {},
        "row 1, answers: found an object with the keys 's'",
    ),
    "CoQA": (
        {"question": ["Where?", "When?"]},
        {},
        "row 1, question: expected text, found list of 2; join",
    ),
    "HotpotQA": (
        {"context": {"title": ["A"], "sentences": [["B."]]}},
        {},
        "row 1, context: expected text, found an object with the keys 'title', 'sentences'",
    ),
    "broken list": (
        {"answers": "['Torgau', 'Tor"},
        {},
        "row 1, answers: found \"\\['Torgau', 'Tor\"",
    ),
    "answerable": ({"is_impossible": "maybe"}, {}, "row 1, is_impossible: found 'maybe', expected"),
    "bytes": ({"context": b"x"}, {}, "row 1, context: expected text, found bytes"),
}


@pytest.mark.parametrize(("record", "columns", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_other_forms_are_errors_that_name_row_and_column(
    record: dict[str, Any], columns: dict[str, str | None], message: str
) -> None:
    with pytest.raises(ValueError, match=f"the list, {message}"):
        load_rows([{"context": BELL, "question": ASKED} | record], columns=columns)


def test_a_saved_dataset_with_features_of_squad(tmp_path: Path) -> None:
    Dataset.from_list(HUB_ROWS).save_to_disk(tmp_path / "squad")
    notes: list[str] = []
    rows = load_rows(tmp_path / "squad", notes=notes)
    assert rows["human_answers"][:] == [["peat"], None, ["The Oulder"]]
    assert rows["answerable"][:] == [None, False, None]
    assert notes == [
        f"{tmp_path / 'squad'}: 'human_answers' is read from the column 'answers'",
        f"{tmp_path / 'squad'}: taken as unanswerable: 1 question with an empty list of answers"
        " in SQuAD's form",
    ]
    (row,) = rows_of([HUB_ROWS[1]])  # as in a test set whose answers are held back
    assert row["answerable"] is None


def test_a_passage_that_is_a_list_of_one_text_is_that_text(tmp_path: Path) -> None:
    (row,) = rows_of([{"context": [SETHE], "question": [ASKED], "title": []}])
    assert (row["context"], row["question"], row["title"]) == (SETHE, ASKED, None)
    nq = {"context": SETHE, "question": {"text": ASKED, "tokens": ["In"]}}
    assert rows_of([nq])[0]["question"] == ASKED
    table = write(tmp_path / "a.csv", f"contexts,question\n\"['{SETHE}']\",Who?\n\"['B.']\",Why?\n")
    columns = {"context": "contexts"}
    assert load_rows(table, columns=columns)["context"][:] == [SETHE, "B."]
    write(table, f"contexts,question\n\"['{SETHE}', 'B.']\",Who?\n")
    with pytest.raises(ValueError, match="row 1, contexts: expected text, found list of 2"):
        load_rows(table, columns=columns)


def test_a_passage_may_look_like_a_list() -> None:
    code = '["a", "b"]'
    rows = rows_of([{"context": code, "question": "1"}, {"context": SETHE, "question": "2"}])
    assert [row["context"] for row in rows] == [code, SETHE]


def test_numbers_dates_and_missing_values_of_pandas() -> None:
    frame = pd.DataFrame(
        {
            "id": [1, None],
            "context": [SETHE, OULDER],
            "question": ["When?", "Who?"],
            "title": [pd.Timestamp("2020-01-02"), pd.NaT],
            "human_answer": [1712, None],
        }
    )
    rows = rows_of(frame.to_dict("records"))
    assert rows[0]["id"] == "1"
    assert [row["title"] for row in rows] == ["2020-01-02", None]
    assert [row["human_answers"] for row in rows] == [["1712"], None]


def test_an_answer_column_is_not_taken_for_human_but_said() -> None:
    source = [{"context": SETHE, "question": "Who?", "answer": "x"}]
    notes: list[str] = []
    assert load_rows(source, notes=notes)["human_answer"][:] == [None]
    assert notes == [
        "the list: no human answers are read; the column 'answer' may be an LLM's. If people wrote"
        " it, name it with `columns.human_answer`."
    ]
    notes.clear()
    load_rows(source, columns={"human_answer": "answer"}, notes=notes)
    assert notes == []


# Identity


def test_the_same_question_and_passage_are_one_row_with_all_answers() -> None:
    source = [
        {"id": "a", "context": SETHE, "question": "Who?", "human_answer": "peat"},
        {"id": "b", "context": OULDER, "question": "Who?", "human_answer": "x"},
        {"id": "c", "context": f" {SETHE}\n", "question": "Who? ", "human_answer": ["mud", "peat"]},
        {"id": "a", "context": SETHE, "question": "Who?", "human_answer": None},
    ]
    notes: list[str] = []
    rows = load_rows(source, notes=notes)
    assert rows["id"][:] == ["a", "b"]
    assert rows["human_answers"][:] == [["peat", "mud"], ["x"]]
    assert notes == [
        "the list: merged 2 rows into an earlier one with the same question and passage; the human"
        " answers of all count",
        "the list: 1 question with more than one passage: retrieval cannot tell which is meant",
    ]
    assert [row["human_answers"] for row in rows_of(source, limit=2)] == [["peat", "mud"], ["x"]]


@pytest.mark.parametrize(
    ("first", "second", "answerable"),
    [
        ({"answerable": False}, {"answerable": True, "human_answer": "x"}, True),
        ({"answerable": False}, {"human_answer": "x"}, None),
        ({"answerable": False}, {}, False),
        ({}, {"answerable": True}, True),
    ],
)
def test_a_question_that_any_of_its_rows_answers_is_answerable(
    first: dict[str, Any], second: dict[str, Any], answerable: bool | None
) -> None:
    base = {"context": SETHE, "question": "Who?", "human_answer": None, "answerable": None}
    (row,) = rows_of([base | first, base | second])
    assert row["answerable"] is answerable


@pytest.mark.parametrize(
    "second",
    [
        SETHE,
        f"{SETHE} ",
        f"\x1b[1m{SETHE}\x1b[0m",
        f"{SETHE}\0",
        SETHE.replace(" ", "  "),
        SETHE.replace(" ", "\n", 1),
        SETHE.replace(" ", "\u00a0"),
    ],
)
def test_one_text_has_one_passage_id(second: str) -> None:
    source = [
        {"passage_id": "p", "context": SETHE, "question": "1"},
        {"passage_id": "q", "context": second, "question": "2"},
        {"passage_id": "r", "context": OULDER, "question": "3"},
    ]
    notes: list[str] = []
    assert load_rows(source, notes=notes)["passage_id"][:] == ["p", "p", "r"]
    expected = "the list: replaced 1 passage_id by the first one of the same text"
    assert expected in notes
    notes.clear()
    assert load_passages(source, notes=notes)["passage_id"][:] == ["p", "r"]
    assert expected in notes


# What is not as given is said


def test_controls_are_taken_out_of_every_text_and_counted() -> None:
    bad = "\x1b]8;;http://x\x07a\x1b[31m\x00\ud800b\r\nc\td"
    source = [{name: bad + name for name in GIVEN}, ROWS[0] | {"context": "a\r\nb"}]
    notes: list[str] = []
    row, other = load_rows(source, notes=notes).to_list()
    assert {row[name].removesuffix(name) for name in GIVEN} == {"a\ufffdb\nc\td"}
    assert other["context"] == "a\nb"
    assert notes == ["the list: removed control characters or lone surrogates from 5 texts"]


def test_rows_without_question_or_context_are_counted() -> None:
    source = [
        {"context": SETHE, "question": " "},
        {"context": None, "question": "Who?"},
        {"context": "", "question": "Why?"},
        ROWS[0],
    ]
    notes: list[str] = []
    assert len(load_rows(source, notes=notes)) == 4
    assert notes == [
        "the list: no question in 1 of 4 rows",
        "the list: no context in 2 of 4 rows",
    ]


def test_without_a_list_notes_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load_rows([{"context": "", "question": "Why?"}])
    assert caplog.messages == ["the list: no context in 1 of 1 row"]


def test_answers_of_unanswerable_questions_are_left_out_and_counted() -> None:
    notes: list[str] = []
    load_rows(
        [{"context": SETHE, "question": "Who?", "answers": ["x"], "is_impossible": True}],
        notes=notes,
    )
    assert notes[-1] == (
        "the list: left out the human answers of 1 question, as the source says that there is no"
        " answer"
    )


# Questions without passages


def test_questions_alone_are_rows_where_the_caller_allows_it(tmp_path: Path) -> None:
    source = write(tmp_path / "log.csv", "query,when\nWho dammed it?,1\nWhy?,2\nWhy?,3\n")
    with pytest.raises(ValueError, match="expected a column for context in"):
        load_rows(source)
    notes: list[str] = []
    rows = load_rows(source, context_required=False, notes=notes)
    assert rows["question"][:] == ["Who dammed it?", "Why?"]
    assert rows["context"][:] == rows["passage_id"][:] == [None, None]
    assert rows.features.arrow_schema.remove_metadata() == arrow_schema(*NAMES)
    assert notes[1:] == [
        f"{source}: merged 1 row into an earlier one with the same question and passage; the"
        " human answers of all count",
        f"{source}: no context in 2 of 2 rows",
    ]
    assert len(set(rows["id"])) == 2
    (row,) = rows_of([{"question": "Who?", "context": SETHE}], context_required=False)
    assert row["context"] == SETHE


@pytest.mark.parametrize(
    "name", ["gold_answer", "expected_answer", "ground_truth", "reference_answers", "answer_text"]
)
def test_columns_that_may_hold_human_answers_are_named(name: str) -> None:
    notes: list[str] = []
    load_rows([{"question": "Where?", "context": "In Torgau.", name: "Torgau"}], notes=notes)
    assert any(f"the column {name!r} may be an LLM's" in note for note in notes)
