"""Chunks end where sections and sentences end, fit the limit, and lie where they say."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distilabel_rag4rag.data.chunking import CHARACTERS_PER_TOKEN, Chunk, chunk_document
from distilabel_rag4rag.data.readers.documents import Document
from distilabel_rag4rag.data.words import word_offsets


def tokenize(text: str) -> list[tuple[int, int]]:
    """Words and punctuation, as WordPiece separates them first."""
    return [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]


def chunks(text: str, most: int = 30, overlap: int = 0, markdown: bool = True) -> list[Chunk]:
    document = Document("d1", "Title", text, markdown, "a.md")
    found = chunk_document(document, tokenize, most, overlap)
    for chunk in found:
        assert text[chunk.start : chunk.end] == chunk.text == chunk.text.strip()
        assert chunk.tokens == len(tokenize(chunk.text)) <= most
        assert len(chunk.text) <= most * CHARACTERS_PER_TOKEN
    return found


def texts(text: str, **arguments: int) -> list[str]:
    return [chunk.text for chunk in chunks(text, **arguments)]


def test_a_section_is_a_chunk_with_its_headings() -> None:
    found = chunks(
        "Before.\n\n# Kettle\n\nCast in Torgau.\n\n## Later\n\n### Mill\n\nBuilt by Anna.\n"
    )
    assert [(c.heading_path, c.text) for c in found] == [
        ((), "Before."),
        (("Kettle",), "# Kettle\n\nCast in Torgau."),
        (("Kettle", "Later", "Mill"), "## Later\n\n### Mill\n\nBuilt by Anna."),
    ]


def test_headings_that_are_underlined_count_too() -> None:
    found = chunks("Kettle\n======\n\nCast in Torgau.\n\nMill\n----\n\nBuilt by Anna.\n")
    assert [c.heading_path for c in found] == [("Kettle",), ("Kettle", "Mill")]


def test_long_text_is_cut_at_sentences_and_not_at_abbreviations() -> None:
    text = "Dr. Roth of the U.S. embassy came at noon. She left at once. He stayed on."
    assert texts(text, most=14) == [
        "Dr. Roth of the U.S. embassy came at noon.",
        "She left at once. He stayed on.",
    ]


def test_a_heading_never_stands_alone() -> None:
    sentence = "One two three four five six seven eight nine."
    found = texts(f"# A heading of five words\n\n{sentence} {sentence} {sentence}\n", most=20)
    assert found == [f"# A heading of five words\n\n{sentence}", f"{sentence} {sentence}"]
    assert texts("Text first.\n\n# Last heading\n") == ["Text first.\n\n# Last heading"]
    assert texts("# Only a heading\n") == []


def test_code_and_tables_stay_whole_where_they_fit() -> None:
    code = "```py\n" + "x = 1\n" * 4 + "```"
    table = "| a | b |\n|---|---|\n| one | two |"
    prose = "Ten words stand before it, so that both cannot fit."
    assert texts(f"{prose}\n\n{code}\n\n{prose}\n\n{table}\n", most=24) == [
        *(prose, code),
        *(prose, table),
    ]


def test_long_code_is_cut_at_lines_and_tables_at_rows() -> None:
    rows = "".join(f"| row {number} | value |\n" for number in range(12))
    for chunk in texts(f"| a | b |\n|---|---|\n{rows}", most=24):
        assert all(line.startswith("|") and line.endswith("|") for line in chunk.split("\n"))
    code = "".join(f"call({number})\n" for number in range(20))
    for chunk in texts(f"```\n{code}```\n", most=24):
        assert re.fullmatch(r"(```\n)?(call\(\d+\)\n?)*(```)?", chunk)


@pytest.mark.parametrize("alphabet", ["กขคงจ", "漢字仮名", "abcde", "ⵉⵎⴰⵣ"])
def test_text_without_spaces_is_bounded(alphabet: str) -> None:
    text = alphabet * 400
    found = texts(text, most=16)
    assert "".join(found) == text


#: A sentence or two, the sentence ends of the script.
SCRIPTS = {
    "Chinese": ("北京是中国的首都。它有很长的历史！你去过吗？", "。！？"),
    "Japanese": ("東京は日本の首都です。「人口は多いです。」と彼は言った。", "。」"),
    "Chinese, halfwidth and fullwidth": ("北京是首都｡ 它有３．１４个｡", "｡"),
    "Thai": ("กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทยมีประชากรมากกว่าสิบล้านคน", ""),
    "Thai with spaces": ("กรุงเทพมหานครเป็นเมืองหลวง ของประเทศไทย", "งย"),
    "Lao": ("ວຽງຈັນເປັນນະຄອນຫຼວງຂອງລາວ", ""),
    "Khmer": ("ភ្នំពេញគឺជារាជធានី។វាមានប្រជាជនច្រើន។", "។"),
    "Burmese": ("ရန်ကုန်သည်မြို့ကြီးဖြစ်သည်။လူများ၏။", "။"),
    "Tibetan": ("བོད་ཡིག་ནི།ཡིག་གཟུགས་ཤིག་རེད།", "།"),
    "Javanese": ("ꦧꦱꦗꦮ꧉ꦲꦏ꧀ꦱꦫ꧉", "꧉"),
    "Hindi": ("दिल्ली भारत की राजधानी है। यह बड़ा है। ", "।"),
    "Arabic": ("القاهرة عاصمة مصر. هل زرتها؟ نعم. ", ".؟"),
    "Korean": ("서울은 대한민국의 수도이다. 인구가 많다. ", "."),
    "English": ("Dr. Smith went to the U.S. in 1999. He came back, i.e. home. ", "."),
    "base64": ("QmFzZTY0IGVuY29kZWQ", ""),
    "a long address": ("https://example.org/a/b?c=d&e=f;", ""),
    "emoji": ("👩‍👩‍👧‍👦🇩🇪", "👦🇪"),
}


@pytest.mark.parametrize(("text", "ends"), SCRIPTS.values(), ids=SCRIPTS)
def test_every_script_is_bounded_and_cut_where_its_sentences_end(text: str, ends: str) -> None:
    whole = text * (12_300 // len(text))
    found = chunk_document(Document("d", None, whole, False, "n"), word_offsets, 150)
    assert "".join("".join(c.text for c in found).split()) == "".join(whole.split())
    assert len(found) > 3
    assert max(c.tokens for c in found) <= 150
    # Not so short either: the last one may be.
    assert min(len(c.text) for c in found[:-1]) >= 75
    if ends:
        assert {c.text[-1] for c in found} <= set(ends)


def test_chinese_is_cut_at_its_own_sentence_ends() -> None:
    assert texts("水壶铸造于托尔高。它重十石。后来被卖掉。" * 8, most=16)[0].endswith("。")


def test_overlap_repeats_whole_sentences_within_a_section() -> None:
    text = "# A\n\nOne two. Three four. Five six. Seven eight.\n\n# B\n\nNine ten.\n"
    assert texts(text, most=9, overlap=4) == [
        "# A\n\nOne two. Three four.",
        "Three four. Five six. Seven eight.",
        "# B\n\nNine ten.",
    ]


def test_plain_text_has_no_headings() -> None:
    found = chunks("# not a heading\n\nText.", markdown=False)
    assert [(c.heading_path, c.text) for c in found] == [((), "# not a heading\n\nText.")]


def test_the_id_comes_from_the_text() -> None:
    one, other = chunks("# A\n\nSame text.\n")[0], chunks("Before.\n\n# A\n\nSame text.\n")[1]
    assert one.passage_id == other.passage_id
    assert one.start != other.start


BLOCKS = st.sampled_from(
    [
        *(
            "# Heading one",
            "### Deep heading",
            "A short sentence. And a second one!",
            "",
            "x" * 300,
        ),
        *("- item\n- item two", "```\ncode\n\nmore\n```", "| a | b |\n|--|--|\n| c | d |"),
        *("word " * 60, "> quoted text here.", "    indented code", "Über 3. Mai 1712 u.a. mehr."),
        *("x" * 300, "\r\n", "<div>html</div>", "漢字。" * 40, "***", "[link]: http://x"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(BLOCKS, max_size=12), st.integers(8, 40), st.booleans())
def test_no_text_is_lost_and_every_chunk_fits(blocks: list[str], most: int, markdown: bool) -> None:
    text = "\n\n".join(blocks)
    document = Document("d", None, text, markdown, "n")
    found = chunk_document(document, tokenize, most)
    covered = set()
    for chunk in found:
        assert chunk.text == text[chunk.start : chunk.end]
        assert len(tokenize(chunk.text)) <= most
        covered |= set(range(chunk.start, chunk.end))
        assert not re.fullmatch(r"(#+ .*\s*)+", chunk.text) or not markdown
    lost = {text[place] for place in range(len(text)) if place not in covered}
    if not markdown:
        assert "".join(lost).strip() == ""
