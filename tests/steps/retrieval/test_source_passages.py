"""Whether a corpus holds a row's own passage, and at which rank it was found."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.fault_steps import HashEmbeddings

from distilabel_rag4rag import FaissRetrieve, FaissRetrieveFromRows

TEXTS = {
    "kettle": "The kettle was cast in Torgau in 1712, by a founder whose name is not known to us.",
    "mill": "Anna Roth built the mill by the Elbe. It ground corn for two hundred years.",
    "bridge": "An old stone bridge crosses the Oru; it has five arches and a small chapel.",
}
OTHER = "The weather station on the hill has recorded every storm since the year it was built."


@pytest.fixture(autouse=True)
def _fresh(own_cache: Path) -> None:
    """Each test builds its own indexes."""


def retrieve(corpus: list[dict[str, Any]], *rows: dict[str, Any], k: int = 99) -> list[Any]:
    """The rows with what was retrieved: by default every passage, in an order without sense."""
    step = FaissRetrieve(embeddings=HashEmbeddings(), corpus=corpus, k=k)
    step.load()
    return next(step.process([{"question": "Which?", **row} for row in rows]))


def own(corpus: list[dict[str, Any]], row: dict[str, Any]) -> tuple[list[str], bool | None]:
    """The text at the row's rank, and whether the corpus is said to hold its passage."""
    [found] = retrieve(corpus, row)
    rank = found["source_rank"]
    texts = found["retrieved_contexts"]
    return ([] if rank is None else [texts[rank - 1]]), found["source_in_corpus"]


def corpus_of(*texts: str) -> list[dict[str, Any]]:
    return [{"passage_id": f"d{i}", "context": text} for i, text in enumerate(texts)]


#: Ways in which the same passage stands in a company's files.
FORMS = {
    "equal": lambda text: text,
    "title line": lambda text: f"History of the town\n\n{text}",
    "markdown": lambda text: f"## History\n\n{text.replace('The', '**The**')}\n\n* * *",
    "line breaks": lambda text: text.replace(" ", "\n", 3).replace(" ", "  ", 2),
    "quotes and dashes": lambda text: text.replace(",", " \u2013").replace(".", "\u2026"),
    "capitals": lambda text: text.upper(),
    "decomposed": lambda text: text.replace("o", "o\u200b"),
    "within more": lambda text: f"{OTHER} {text} {OTHER}",
    "a word changed": lambda text: text.replace("years", "long years").replace("small", "tiny"),
    "its larger part": lambda text: text[: int(len(text) * 0.7)],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", TEXTS)
def test_a_passage_is_found_in_whatever_form_the_corpus_has_it(form: str, name: str) -> None:
    written = FORMS[form](TEXTS[name])
    others = [text for key, text in TEXTS.items() if key != name]
    corpus = corpus_of(others[0], OTHER, written, others[1])
    assert own(corpus, {"context": TEXTS[name], "passage_id": "q17"}) == ([written], True)


def test_a_miss_is_not_the_same_as_a_passage_that_the_corpus_lacks() -> None:
    """k=1 of two passages: one of the two rows misses, and both are in the corpus."""
    corpus = corpus_of(TEXTS["kettle"], TEXTS["mill"])
    found = retrieve(corpus, *({"context": text} for text in TEXTS.values()), k=1)
    assert [row["source_in_corpus"] for row in found] == [True, True, False]
    assert sorted(str(row["source_rank"]) for row in found) == ["1", "None", "None"]


PIECES = [
    "The town lies on the Elbe. Its first bridge was of wood and burnt in 1637, in the great war.",
    "Since 1712 a kettle of bronze has stood before the town hall, cast by Peter Weinhold.",
    "In 1871 the railway came, and with it the first factory, which made glass for lamps.",
]
LONG = " ".join(PIECES)


@pytest.mark.parametrize(
    ("answer", "part"),
    [("1637", 0), ("Peter Weinhold", 1), ("glass", 2), ("the ELBE", 0), ("glass  for\nlamps", 2)],
)
def test_in_a_corpus_of_smaller_pieces_it_is_the_piece_with_the_answer(
    answer: str, part: int
) -> None:
    row = {"context": LONG, "human_answer": answer}
    assert own(corpus_of(*PIECES, TEXTS["mill"]), row) == ([PIECES[part]], True)
    listed = {"context": LONG, "human_answer": None, "human_answers": [answer]}
    assert own(corpus_of(*PIECES, TEXTS["mill"]), listed) == ([PIECES[part]], True)


def test_pieces_without_an_answer_that_chooses_are_not_guessed() -> None:
    for answer in (None, "", "blue", "no"):
        row = {"context": LONG, "human_answer": answer}
        assert own(corpus_of(*PIECES), row) == ([], False)


def test_the_answer_elsewhere_is_not_the_passage() -> None:
    corpus = corpus_of("The treaty of 1637 ended the feud of the two houses of Oru and Elm.", OTHER)
    assert own(corpus, {"context": LONG, "human_answer": "1637"}) == ([], False)


def test_a_form_that_was_filled_in_otherwise_is_another_passage() -> None:
    form = (
        "{} is a market town on the river Ash. It was founded by {}, who had lost a lawsuit about"
        " a mill and wanted to live where nobody knew of it. It has a library and a swimming bath."
    )
    torgau, pirna = form.format("Torgau", "Anna Roth"), form.format("Pirna", "Ivo Okafor")
    row = {"context": torgau, "human_answer": "Anna Roth"}
    assert own(corpus_of(pirna, OTHER), row) == ([], False)
    assert own(corpus_of(pirna, f"Towns\n{torgau}"), row) == ([f"Towns\n{torgau}"], True)
    assert own(corpus_of(pirna, f"Towns\n{torgau}"), {"context": torgau})[1] is True


def test_short_passages_are_the_same_only_if_they_are_equal() -> None:
    corpus = corpus_of("See above. Then turn left at the old mill.", "SEE  ABOVE!")
    assert own(corpus, {"context": "See above."}) == (["SEE  ABOVE!"], True)
    assert own(corpus[:1], {"context": "See above."}) == ([], False)


@pytest.mark.parametrize(
    ("context", "written"),
    [
        ("水壶于1712年在托尔高铸造，铸造者是一位不知名的工匠，后来存放在市政厅。", "历史\n{}"),
        ("กาต้มน้ำถูกหล่อขึ้นที่เมืองทอร์เกาในปีหนึ่งพันเจ็ดร้อยสิบสอง", "{} และอื่นๆ"),
        ("Der Kessel wurde 1712 in Torgau gegossen; groß war die Freude.", "GESCHICHTE: {}"),
    ],
)
def test_other_scripts(context: str, written: str) -> None:
    text = written.format(context)
    assert own(corpus_of(OTHER, text), {"context": context}) == ([text], True)


def test_ids_of_one_text_are_one_passage() -> None:
    corpus = [
        {"passage_id": "a", "context": TEXTS["mill"]},
        {"passage_id": "b", "context": TEXTS["kettle"]},
        {"passage_id": "c", "context": f" {TEXTS['mill']}\n"},
        {"passage_id": 7, "context": TEXTS["kettle"]},
        {"passage_id": None, "context": TEXTS["kettle"]},
        {"passage_id": float("nan"), "context": TEXTS["kettle"]},
    ]
    rows = [{"passage_id": name} for name in ("a", "c", "b", 7, "7", "x")]
    found = retrieve(corpus, *rows, k=9)
    assert [len(row["retrieved_ids"]) for row in found] == [2] * 6
    assert set(found[0]["retrieved_ids"]) == {"a", "b"}
    at = {name: found[0]["retrieved_ids"].index(name) + 1 for name in "ab"}
    ranks = [at["a"], at["a"], at["b"], at["b"], at["b"], None]
    assert [row["source_rank"] for row in found] == ranks
    assert [row["source_in_corpus"] for row in found] == [True] * 5 + [False]


@pytest.mark.parametrize("missing", [None, float("nan"), "", " \n"])
def test_a_row_that_names_no_passage_has_none_to_be_found(missing: Any) -> None:
    rows = [
        {},
        {"context": missing},
        {"passage_id": None},
        {"context": missing, "passage_id": None},
    ]
    found = retrieve(corpus_of(*TEXTS.values()), *rows)
    assert [(row["source_rank"], row["source_in_corpus"]) for row in found] == [(None, None)] * 4
    assert [len(row["retrieved_ids"]) for row in found] == [3] * 4


def test_rows_that_are_the_corpus_are_in_it() -> None:
    step = FaissRetrieveFromRows(embeddings=HashEmbeddings(), k=9)
    step.load()
    rows = [{"question": f"{name}?", "context": text} for name, text in TEXTS.items()]
    rows.append({"question": "And without?", "context": None})
    found = next(step.process(rows))
    assert [row["source_in_corpus"] for row in found] == [True, True, True, None]
    assert [row["retrieved_contexts"][row["source_rank"] - 1] for row in found[:3]] == [
        *TEXTS.values()
    ]


def test_every_source_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from distilabel_rag4rag.data import duplicates

    asked = []
    find = duplicates.PassageFinder.find
    monkeypatch.setattr(
        duplicates.PassageFinder,
        "find",
        lambda self, *args: asked.append(args) or find(self, *args),
    )
    retrieve(corpus_of(OTHER), *[{"context": TEXTS["mill"]}] * 5, {"context": OTHER})
    assert asked == [(TEXTS["mill"], ())]


def test_vectors_of_the_helper_are_of_one_length() -> None:
    assert np.shape(HashEmbeddings().encode(["a", "b"])) == (2, 16)
