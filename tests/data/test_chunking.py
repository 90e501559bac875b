"""Text is cut into passages of a bounded length at the ends of paragraphs and sentences."""

import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from distilabel_rag4rag.data.chunking import count_words, split_text


def without_space(text: str) -> str:
    return "".join(text.split())


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
    assert without_space("".join(passages)) == without_space(text)
    assert all(1 <= len(one.split()) <= max_words for one in passages)
    if all(len(word) <= 20 for word in text.split()):  # longer ones are cut where they must be
        assert [word for one in passages for word in one.split()] == text.split()


# Control characters, some of which Python takes for white space, go before a text is cut.
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=300),
    st.integers(1, 40),
)
def test_any_text_is_bounded_and_whole(text: str, max_words: int) -> None:
    passages = split_text(text, max_words)
    assert without_space("".join(passages)) == without_space(text)
    assert all(1 <= count_words(one) <= max_words for one in passages)


#: A sentence or two, the sentence ends of the script, and the most characters of 150 words.
SCRIPTS = {
    "Chinese": ("北京是中国的首都。它有很长的历史！你去过吗？", "。！？", 200),
    "Japanese": ("東京は日本の首都です。「人口は多いです。」と彼は言った。", "。」", 200),
    "Chinese, halfwidth and fullwidth": ("北京是首都｡ 它有３．１４个｡", "｡", 250),
    "Thai": ("กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทยมีประชากรมากกว่าสิบล้านคน", "", 800),
    "Thai with spaces": ("กรุงเทพมหานครเป็นเมืองหลวง ของประเทศไทย", "งย", 800),
    "Lao": ("ວຽງຈັນເປັນນະຄອນຫຼວງຂອງລາວ", "", 800),
    "Khmer": ("ភ្នំពេញគឺជារាជធានី។វាមានប្រជាជនច្រើន។", "។", 800),
    "Burmese": ("ရန်ကုန်သည်မြို့ကြီးဖြစ်သည်။လူများ၏။", "။", 800),
    "Tibetan": ("བོད་ཡིག་ནི།ཡིག་གཟུགས་ཤིག་རེད།", "།", 800),
    "Javanese": ("ꦧꦱꦗꦮ꧉ꦲꦏ꧀ꦱꦫ꧉", "꧉", 800),
    "Hindi": ("दिल्ली भारत की राजधानी है। यह बड़ा है। ", "।", 1500),
    "Arabic": ("القاهرة عاصمة مصر. هل زرتها؟ نعم. ", ".؟", 1500),
    "Korean": ("서울은 대한민국의 수도이다. 인구가 많다. ", ".", 1500),
    "English": ("Dr. Smith went to the U.S. in 1999. He came back, i.e. home. ", ".", 1500),
    "base64": ("QmFzZTY0IGVuY29kZWQ", "", 3000),
    "a long address": ("https://example.org/a/b?c=d&e=f;", "", 3000),
    "emoji": ("👩‍👩‍👧‍👦🇩🇪", "👦🇪", 1600),
}


@pytest.mark.parametrize(("text", "ends", "most"), SCRIPTS.values(), ids=SCRIPTS)
def test_every_script_is_bounded_and_cut_where_its_sentences_end(
    text: str, ends: str, most: int
) -> None:
    document = text * (12_300 // len(text))
    passages = split_text(document)
    assert without_space("".join(passages)) == without_space(document)
    assert len(passages) > 3
    assert max(map(len, passages)) <= most
    # Not so short either: the last one may be.
    assert min(map(len, passages[:-1])) >= most / 8
    if ends:
        assert {one[-1] for one in passages} <= set(ends)


@pytest.mark.parametrize("text", [SCRIPTS["Thai"][0], SCRIPTS["Lao"][0], "e\u0301", "👩‍👩‍👧‍👦"])
def test_a_character_is_not_cut_from_its_marks(text: str) -> None:
    graphemes = regex.findall(r"\X", text)
    passages = split_text(text * 300, 1)
    assert [one for passage in passages for one in regex.findall(r"\X", passage)] == graphemes * 300


def test_abbreviations_end_no_sentence() -> None:
    text = "It was cast for Dr. Roth in the U.S. of that time. The bell hangs in St. Mary."
    assert split_text(text, 12) == [
        "It was cast for Dr. Roth in the U.S. of that time.",
        "The bell hangs in St. Mary.",
    ]


def test_a_full_stop_inside_a_word_ends_no_sentence() -> None:
    text = "See a.b.c and x.y, v1.2.3 of foo.bar() now"
    assert [word for one in split_text(text, 3) for word in one.split()] == text.split()


def test_scripts_are_mixed() -> None:
    assert split_text("Torgau是一座城市。The bell hangs there.", 6) == [
        "Torgau是一座城市。",
        "The bell hangs there.",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        (" \n", 0),
        ("The bell, cast in 1712.", 5),
        ("北京。", 2),
        ("東京タワー", 5),
        ("ไทย", 1),
        ("กรุงเทพมหานคร", 3),
        ("서울은 대한민국의", 2),
        ("a" * 20, 1),
        ("a" * 41, 3),
        ("naïve " * 3, 3),
        ("Torgau是", 2),
        ("😀😀", 2),
        (unicodedata.normalize("NFD", "é") * 20, 1),
    ],
)
def test_words_are_counted(text: str, words: int) -> None:
    assert count_words(text) == words


def test_length_may_be_counted_in_another_unit() -> None:
    assert split_text("aaa bbb. ccc ddd eee.", 9, count=len) == ["aaa bbb.", "ccc ddd", "eee."]


def test_headings_begin_passages_and_stay_with_their_text() -> None:
    text = "Intro.\n\n# One\n\nText of one.\n\n## Two\nText of two.\n\nC # and F # are keys."
    assert split_text(text, 20) == [
        "Intro.",
        "# One\nText of one.",
        "## Two\nText of two.\n\nC # and F # are keys.",
    ]
