"""Words in scripts with and without spaces."""

import pytest

from distilabel_rag4rag.utils.scripts import UNSPACED, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("In Torgau,  1712", ["In", "Torgau,", "1712"]),
        ("北京市", ["北", "京", "市"]),
        ("1712年 in Torgau铸", ["1712", "年", "in", "Torgau", "铸"]),
        ("とうきょう", list("とうきょう")),
        ("カタカナ", list("カタカナ")),
        ("ไทย", list("ไทย")),
        ("ລາວ", list("ລາວ")),
        ("မြန်မာ", list("မြန်မာ")),
        ("ខ្មែរ", list("ខ្មែរ")),
        ("བོད", list("བོད")),
        ("𠮷野", ["𠮷", "野"]),
        ("서울 특별시", ["서울", "특별시"]),
        ("Việt Nam", ["Việt", "Nam"]),
        ("نهر النيل", ["نهر", "النيل"]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_punctuation_and_digits_belong_to_no_script() -> None:
    assert UNSPACED.search("Zürich, 3.5 km; «да» Ωmega ０") is None
