"""SQuAD's figures against torchmetrics' port of the official script, and what goes beyond it."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distilabel_rag4rag.comparison.metrics import lenient_scores, squad_scores
from distilabel_rag4rag.comparison.number_forms import with_digits


def scores(answer: str | None, *golds: str) -> tuple[float, float]:
    exact, f1 = squad_scores([answer], [golds])
    return float(exact[0]), float(f1[0])


def test_squad_scores():
    answers = ["The Saxon Garden.", "in the Saxon Garden", "Momus", None, "x", "!"]
    golds = [["saxon garden"], ["Saxon Garden"], ["Ogród Saski"], ["Momus"], [], ["the"]]
    exact, f1 = squad_scores(answers, golds)
    assert exact.tolist() == [1, 0, 0, 0, 0, 1]
    assert f1.tolist() == pytest.approx([1, 0.8, 0, 0, 0, 1])
    assert [len(found) for found in squad_scores([], [])] == [0, 0]


WORDS = ["the", "a", "Salt", "salt", "mill", "1712", "1,712", "Torgau's", "co-op", "x.", "É", "née"]
texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(texts, st.lists(texts.filter(str.strip), min_size=1, max_size=3))
def test_as_the_official_script(answer: str, golds: list[str]):
    from torchmetrics.functional.text import squad  # its import takes seconds

    official = squad(
        {"id": "0", "prediction_text": answer},
        {"id": "0", "answers": {"text": golds, "answer_start": [0] * len(golds)}},
    )
    expected = [float(official[name]) / 100 for name in ("exact_match", "f1")]
    assert scores(answer, *golds) == pytest.approx(expected, abs=1e-6)


def test_the_best_of_several_golds_counts():
    assert scores("in 1712", "Torgau", "in 1712", "x") == (1.0, 1.0)
    assert scores("Torgau in 1712", "Torgau", "in 1712") == (0.0, 0.8)


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("北京市", "北京", (0, 0.8)),  # 2 shared characters, 3 and 2 in all
        ("他在北京。", "北京", (0, 2 / 3)),
        ("北 京", "北京", (1, 1)),
        ("「北京」", "北京。", (1, 1)),
        ("東京とうきょう", "とうきょう", (0, 5 * 2 / 12)),
        ("กรุงเทพ", "กรุงเทพ", (1, 1)),
        ("กรุงเทพมหานคร", "กรุงเทพ", (0, 14 / 20)),
        ("ຊຽງໃໝ່ ", "ຊຽງໃໝ່", (1, 1)),
        ("iPhone手机 the", "iPhone手机", (1, 1)),
        ("1712年", "1712", (0, 2 / 3)),
        ("서울시", "서울", (0, 0)),  # Korean has spaces: by word, as SQuAD
    ],
)
def test_text_without_spaces_is_compared_by_character(answer, gold, expected):
    assert scores(answer, gold) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("text", ["é", "Ogród Saski", "が", "한국", "Việt Nam"])
def test_composed_and_decomposed_characters_are_the_same(text: str):
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert scores(composed, decomposed) == scores(decomposed, composed) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("Thirty-seven", "37"),
        ("37", "thirty seven"),
        ("one hundred", "100"),
        ("a hundred", "100"),
        ("1,000", "one thousand"),
        ("1 000", "1000"),
        ("3 million", "3,000,000"),
        ("1.2 million", "1,200,000"),
        ("the third", "3rd"),
        ("Twenty-first", "21st"),
        ("World War II", "Second World War"),
        ("Henry VIII", "Henry the eighth"),
        ("nineteen eighty-four", "1984"),
        ("two dozen", "24"),
        ("five per cent", "5%"),
        ("1914–1918", "1914 to 1918"),
        ("٣٧", "37"),
        ("３７", "37"),
        ("l’eau", "eau"),
        ("dell'acqua", "acqua"),
        ("O’Brien", "O'Brien"),
    ],
)
def test_the_form_of_numbers_and_articles(answer: str, gold: str):
    assert lenient_scores([answer], [[gold]])[0].tolist() == [1.0]


@pytest.mark.parametrize(
    ("answer", "gold"),
    [("37", "38"), ("1.5", "15 km"), ("third", "13"), ("XXL", "20")],
)
def test_other_numbers_stay_wrong(answer: str, gold: str):
    f1, contains = lenient_scores([answer], [[gold]])
    assert f1[0] < 1
    assert not contains[0]


def test_an_official_match_is_never_taken_back():
    assert scores("1.5", "15") == (1, 1)  # the official script drops the point
    assert lenient_scores(["1.5"], [["15"]])[0].tolist() == [1.0]


def test_answers_that_contain_the_gold():
    answers = ["It was cast in Torgau in 1712.", "Torgau is not in it", "in 1712 at Torgau", None]
    golds = [["Torgau in 1712"], ["Pirna"], ["Torgau in 1712", "at torgau"], ["x"]]
    assert lenient_scores(answers, golds)[1].tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one hundred and five", "105"),
        ("one hundred and bread", "100 and bread"),
        ("two thousand and ten", "2010"),
        ("twelve hundred", "1200"),
        ("one million two hundred thousand and five", "1200005"),
        ("twenty twenty", "2020"),
        ("twentieth", "20"),
        ("seventy-five thousand", "75000"),
        ("12.000.000", "12000000"),
        ("bread and two eggs", "bread and 2 eggs"),
        ("one two", "1 2"),
        ("Louis XIV", "louis 14"),
        ("IIX, MIX and I", "iix, mix and i"),
        ("v1.2.3", "v1.2.3"),
        ("may 12, 2001", "may 12, 2001"),
        ("someone", "someone"),
        ("", ""),
    ],
)
def test_numbers_as_digits(text: str, expected: str):
    assert with_digits(text) == expected


def test_letters_that_are_not_seen_do_not_count() -> None:
    exact, f1 = squad_scores(["Torgau", "Soft\u00adware"], [["Tor\u200bgau"], ["Software\ufeff"]])
    assert exact.tolist() == f1.tolist() == [1.0, 1.0]
