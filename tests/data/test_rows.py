"""Every kind of source gives the same rows with the same ids; what is wrong is named."""

import csv
import json
import logging
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict, Image
from hypothesis import given, settings
from hypothesis import strategies as st

from distilabel_rag4rag.data.rows import (
    clean_text,
    load_passages,
    load_rows,
    passage_id,
    split_text,
)
from distilabel_rag4rag.schema import arrow_schema

NAMES = ["id", "passage_id", "title", "context", "question", "human_answer"]
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
        writer = csv.DictWriter(file, NAMES, delimiter=separator)
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
    loaded = load_rows(tmp_path / name)
    assert loaded.to_list() == ROWS
    assert loaded.features.arrow_schema.remove_metadata() == arrow_schema(*NAMES)
    assert rows_of(str(tmp_path / name)) == ROWS
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
    assert rows_of(source) == ROWS
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
    assert rows_of("rajpurkar/squad_v2") == ROWS
    assert rows_of("owner/name:a.config", split="validation") == ROWS[:1]
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
    with pytest.raises(ValueError, match=r"question could be any of \['anchor', 'query'\]"):
        load_rows(source)
    assert rows_of(source, columns={"question": "query"})[0]["question"] == "b"


def test_a_missing_column_names_what_was_found_and_the_setting() -> None:
    message = (
        r"the list: no column for question: expected 'question' or 'anchor' or 'query', "
        r"found \['context', 'q'\]; name it with columns=\{'question': '...'\}"
    )
    with pytest.raises(ValueError, match=message):
        load_rows([{"context": SETHE, "q": "Who?"}])
    with pytest.raises(ValueError, match=r"expected 'gold', found \['context', 'question'\]"):
        load_rows([{"context": SETHE, "question": "?"}], columns={"human_answer": "gold"})
    with pytest.raises(ValueError, match=r"columns: found \['answer'\], expected some of \['id'"):
        load_rows(ROWS, columns={"answer": "human_answer"})
    with pytest.raises(ValueError, match="no column for question"):
        load_rows(ROWS, columns={"question": None})


def test_only_the_columns_that_are_wanted_are_read() -> None:
    """An image that cannot be decoded does not matter: nobody asked for it."""
    dataset = Dataset.from_list([{**row, "image": {"bytes": b"no", "path": None}} for row in ROWS])
    dataset = dataset.cast_column("image", Image())
    assert rows_of(dataset) == ROWS
    assert rows_of(Dataset.from_list(HUB_ROWS).with_format("numpy")) == ROWS


def test_splits() -> None:
    parts = DatasetDict(train=Dataset.from_list(ROWS[:1]), test=Dataset.from_list(ROWS[1:]))
    assert rows_of(parts) == ROWS[:1]
    assert rows_of(parts, split="test") == ROWS[1:]
    with pytest.raises(ValueError, match="split='dev'; expected one of train, test"):
        load_rows(parts, split="dev")
    del parts["train"]
    parts["dev"] = parts["test"]
    with pytest.raises(ValueError, match="split is not set; expected one of test, dev"):
        load_rows(parts)
    with pytest.raises(ValueError, match="split='test' is set, but the list has no splits"):
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
        [passage_id(SETHE), None, SETHE, "", None],
        [None, None, None, "Who?", "1989"],
        [None, None, "  ", None, None],
        [passage_id(SETHE), None, SETHE, None, None],
    ]


def test_text_of_a_csv_stays_text(tmp_path: Path) -> None:
    text = 'context,question,human_answer\n"Two\nlines, a ""quote""",NA,007\nnull,1e5,None\n'
    rows = rows_of(write(tmp_path / "odd.csv", text))
    assert [(row["context"], row["question"], row["human_answer"]) for row in rows] == [
        ('Two\nlines, a "quote"', "NA", "007"),
        ("null", "1e5", "None"),
    ]


def test_all_answers_missing_give_the_same_schema() -> None:
    loaded = load_rows([{"context": SETHE, "question": "Who?"}] * 2)
    assert loaded["human_answer"][:] == [None, None]
    assert loaded.features.arrow_schema.field("human_answer").type == pa.string()


def test_text_that_arrow_cannot_hold(tmp_path: Path) -> None:
    line = '{"context": "a\\ud800b \\u0000 \\ud83d\\ude00\u2028end", "question": "\\udfffWho?"}\n'
    (row,) = rows_of(write(tmp_path / "odd.jsonl", line))
    assert (row["context"], row["question"]) == ("a\ufffdb \0 😀\u2028end", "\ufffdWho?")
    with_nul = write(tmp_path / "odd.csv", "context,question\na\0b,Who?\n")
    assert rows_of(with_nul)[0]["context"] == "a\0b"


@given(st.text(st.characters(codec=None)))
def test_clean_text_is_what_utf8_can_hold(text: str) -> None:
    cleaned = clean_text(text)
    assert len(cleaned) == len(text)
    assert cleaned.encode().decode() == cleaned
    assert all(a == b or "\ud800" <= a <= "\udfff" for a, b in zip(text, cleaned, strict=True))


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


@given(st.text(), st.sampled_from(["NFC", "NFD"]), st.sampled_from(["", " ", "\n\t "]))
def test_passage_id_ignores_unicode_form_and_outer_space(text: str, form: str, space: str) -> None:
    same = space + unicodedata.normalize(form, text) + space
    assert passage_id(same) == passage_id(text)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("a é\u0301", max_size=3), min_size=1, max_size=8), st.integers(1, 8))
def test_ids_do_not_depend_on_the_rows_that_follow(texts: list[str], first: int) -> None:
    source = [{"context": text, "question": "Who?"} for text in texts]
    rows = load_rows(source)
    assert rows["passage_id"][:] == [passage_id(text) if text.strip() else None for text in texts]
    assert len(set(rows["id"])) == len(texts)
    assert load_rows(source[:first])["id"][:] == rows["id"][:first]


def test_equal_rows_without_ids_are_numbered_past_given_ones() -> None:
    row = {"context": SETHE, "question": "Who?"}
    key = load_rows([row])[0]["id"]
    source = [row, row | {"id": f"{key}-2"}, row | {"question": " Who? "}, row | {"id": None}]
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
    write(tmp_path / "b.txt", "One two.\n\n\nThree four.\n \nFive six.")
    write(tmp_path / "c.log", "not read")
    (tmp_path / ".hidden").mkdir()
    write(tmp_path / ".hidden" / "d.md", "not read")
    expected = [
        ("b.txt", "One two.\n\nThree four."),
        ("b.txt", "Five six."),
        ("guide/a.md", "# Rivers\nThe Sethe."),
        ("guide/a.md", "## More\nThe Oulder."),
    ]
    passages = load_passages(tmp_path, max_words=5).to_list()
    assert [(row["title"], row["context"]) for row in passages] == expected
    alone = load_passages(tmp_path / "b.txt", max_words=5).to_list()
    assert [(row["title"], row["context"]) for row in alone] == expected[:2]
    with pytest.raises(ValueError, match=r"no column for question.*found \['title', 'context'\]"):
        load_rows(tmp_path)
    with pytest.raises(ValueError, match="max_words: found 0, expected at least 1"):
        load_passages(tmp_path, max_words=0)


def test_long_paragraphs_are_cut_between_sentences_and_long_sentences_between_words() -> None:
    text = "One two three. Four five! Six seven eight nine ten eleven twelve."
    assert split_text(text, 5) == [
        "One two three. Four five!",
        "Six seven eight nine ten",
        "eleven twelve.",
    ]


@given(st.text("ab #.\n", max_size=200), st.integers(1, 6))
def test_split_text_loses_no_word(text: str, max_words: int) -> None:
    passages = split_text(text, max_words)
    assert [word for one in passages for word in one.split()] == text.split()
    assert all(1 <= len(one.split()) <= max_words for one in passages)


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
            "line 3: not CSV parted by ',': expected 2 fields",
        ),
        (
            "short.csv",
            "context,question\na,b\na\n",
            "line 3: not CSV parted by ',': expected 2 fields",
        ),
        ("quote.csv", 'context,question\na,"b\n', "quote.csv, line [12]: not CSV parted"),
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
    assert rows_of(tmp_path / "wide.parquet") == ROWS


@pytest.mark.parametrize("content", ["context;question\na;b\n", '"context";"question"\n"a";"b"\n'])
def test_a_csv_with_another_separator_says_so(tmp_path: Path, content: str) -> None:
    path = write(tmp_path / "semi.csv", content)
    with pytest.raises(ValueError, match=r"line 1: not CSV parted by ','|parted by ';'\?"):
        load_rows(path)


def test_a_header_may_hold_a_separator(tmp_path: Path) -> None:
    path = write(tmp_path / "one.csv", '"text, raw"\n"a, b"\n' + "c" * 200_000 + "\n")
    passages = load_passages(path, columns={"context": "text, raw"})
    assert [passage["context"][:4] for passage in passages] == ["a, b", "cccc"]
