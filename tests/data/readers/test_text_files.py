"""Folders of documents: what is not read, or not as it is, is said and stops nothing."""

import codecs
import os
from pathlib import Path

import pytest

from distilabel_rag4rag.data.corpus import read_corpus
from distilabel_rag4rag.data.readers.encoding import decode
from distilabel_rag4rag.data.rows import load_passages, load_rows
from distilabel_rag4rag.models.packaged import EMBEDDED
from distilabel_rag4rag.models.tokenizers import load_tokenizer

TEXTS = {
    "en": "The café was opened by Émile Zola in 1889.",
    "de": "Die Glocke wurde 1712 für die Kirche gegossen; sie wiegt 300 Kilo.",
    "fr": "L’été dernier, l’équipe a présenté des résultats à Genève — « tout » fut reçu.",
    "sv": "Malmö är en stad i Skåne. Älven är lång och vägen är smal, det är kallt.",
    "quotes": "The bell – cast in 1712 – is called “Old Anna” and it’s heavy.",
    "ru": "Москва является столицей России. Население города велико.",
    "ja": "東京は日本の首都です。人口は多いです。川は多くの橋があります。",
    "zh": "北京是中国的首都。它有很长的历史。人口很多。",
    "ko": "서울은 대한민국의 수도이다. 인구가 많다.",
    "el": "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας.",
}
CERTAIN = [
    *(("en", encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16-le", "utf-16-be")),
    *(("de", encoding) for encoding in ("utf-16", "utf-32")),
    *(("zh", "utf-16"), ("ru", "utf-16-be"), ("ru", "utf-16-le"), ("el", "utf-16-le")),
]
GUESSED = [
    *((name, "cp1252") for name in ("en", "de", "fr", "sv", "quotes")),
    *(("ru", "cp1251"), ("ru", "koi8_r"), ("ja", "cp932"), ("zh", "gb18030")),
    *(("ko", "cp949"), ("el", "cp1253"), ("ja", "utf-16-le")),
]


@pytest.mark.parametrize(("name", "encoding"), CERTAIN)
def test_unicode_is_read_without_a_word(name: str, encoding: str) -> None:
    assert decode(TEXTS[name].encode(encoding)) == (TEXTS[name], None)


@pytest.mark.parametrize(("name", "encoding"), GUESSED)
def test_other_encodings_are_found_and_said(name: str, encoding: str) -> None:
    text, problem = decode(TEXTS[name].encode(encoding))
    assert text == TEXTS[name]
    assert problem is not None
    assert encoding.replace("-", "_") in problem.replace("-", "_")


@pytest.mark.parametrize("text", ["", "a\n\nb\nc\n", "\x1b[0m\x07", "a\0b c d", "1\t2\t3"])
def test_controls_do_not_make_utf_16_of_ascii(text: str) -> None:
    assert decode(text.encode()) == (text, None)


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE, codecs.BOM_UTF8])
def test_a_byte_order_mark_is_no_text(mark: bytes) -> None:
    assert decode(mark) == ("", None)


def test_one_wrong_byte_does_not_make_other_letters_of_the_rest() -> None:
    data = "Größe, Höhe und Länge".encode() + b" \xff, caf\xe9"
    text, problem = decode(data)
    assert text == "Größe, Höhe und Länge \ufffd, caf\ufffd"
    assert problem == "not all of it is UTF-8; the rest was replaced by \ufffd"
    text, problem = decode("Größe und Höhe".encode()[:-3])  # cut off inside a letter
    assert text == "Größe und H\ufffd"
    assert problem is not None
    assert decode("a \ufffd stays".encode()) == ("a \ufffd stays", None)


@pytest.mark.parametrize(
    "data", [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + bytes(range(256)) * 4, os.urandom(3000)]
)
def test_what_is_no_text_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not UTF-8 text.*save it as UTF-8"):
        decode(data)


def test_a_mixed_folder_is_read_and_all_that_is_not_as_given_is_said(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.md").write_text("# A\n\nOne.\n\nTwo three four.", encoding="utf-8")
    (tmp_path / "b.txt").write_bytes(TEXTS["de"].encode("cp1252"))
    (tmp_path / "sub" / "c.TXT").write_bytes(TEXTS["fr"].encode("cp1252"))
    (tmp_path / "d.txt").write_bytes(os.urandom(3000))
    (tmp_path / "e.txt").write_text(" \n")
    (tmp_path / "f.md").write_bytes(b"")
    (tmp_path / "g.txt").write_bytes(TEXTS["de"].encode("utf-8"))
    (tmp_path / "page.html").write_text("<title>Bells</title><p>The bell was cast in Ulm.</p>")
    for name in ("LICENSE", "rows.csv", ".hidden.txt"):
        (tmp_path / name).write_text("Something else.")
    notes: list[str] = []
    passages = load_passages(tmp_path, notes=notes)
    assert list(zip(passages["title"], passages["context"], strict=True)) == [
        ("A", "# A\n\nOne.\n\nTwo three four."),
        ("b.txt", TEXTS["de"]),
        ("Bells", "The bell was cast in Ulm."),
        ("sub/c.TXT", TEXTS["fr"]),
    ]
    said = [note.removeprefix(f"{tmp_path}: ") for note in notes]
    formats = ".docx, .htm, .html, .markdown, .md, .pdf, .text, .txt"
    assert said == [
        "2 files: not UTF-8, read as cp1252; save as UTF-8 to be sure: b.txt, sub/c.TXT",
        "1 file: the same text as b.txt: g.txt",
        f"2 files: left out, not one of {formats}: LICENSE, rows.csv",
        "1 file: left out, ValueError: not UTF-8 text, and not a text file in another encoding that"
        " is known here; if it is text, save it as UTF-8: d.txt",
        "2 files: left out, empty file: e.txt, f.md",
    ]


def test_cuts_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One two three four five. Six seven eight nine ten.")
    (tmp_path / "b.txt").write_text("One.")
    notes: list[str] = []
    assert len(load_passages(tmp_path, max_tokens=8, notes=notes)) == 3
    assert notes == [
        f"{tmp_path}: 1 document of 2 cut into 2 passages of at most 8 tokens (`max_tokens`)"
    ]


def test_a_folder_of_other_files_says_what_it_found(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf", "c.rtf"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ValueError, match=r"\.txt, .* files with text; found 2 files: left out"):
        load_passages(tmp_path)


def test_documents_alone_say_that_questions_are_needed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One.")
    for source in (tmp_path, tmp_path / "a.txt"):
        with pytest.raises(ValueError, match="Documents alone hold no questions: a `question`"):
            load_rows(source)


def test_terminal_escapes_and_controls_of_documents_go(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"The \x1b[31mbell\x1b[0m\x07 was cast.\r\nIn 1712.")
    assert load_passages(tmp_path)["context"][:] == ["The bell was cast.\nIn 1712."]


def test_long_text_without_spaces_is_cut(tmp_path: Path) -> None:
    (tmp_path / "zh.txt").write_text("北京是中国的首都。" * 1400, encoding="utf-8")
    passages = load_passages(tmp_path)["context"][:]
    assert max(map(len, passages)) <= 256
    assert {text[-1] for text in passages} == {"。"}


def test_the_cut_is_that_of_a_build(tmp_path: Path) -> None:
    sentences = [f"Kettle {n} of the brewery was cast in Torgau in {1712 + n}." for n in range(60)]
    text = "# Kettles\n\n" + " ".join(sentences)
    (tmp_path / "a.md").write_text(text)
    tokenize = load_tokenizer(EMBEDDED)
    cut = load_passages(tmp_path, tokenize=tokenize, max_tokens=64)["context"][:]
    built = [row["context"] for row in read_corpus(tmp_path, tokenize, 64).passages]
    assert cut == built
    assert len(cut) > 2
