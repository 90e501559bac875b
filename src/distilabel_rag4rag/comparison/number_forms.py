"""Numbers in words, with separators, as ordinals or Roman numerals -> digits.

Words are read in English, digits in any script. A rule of our own: of the libraries for it
text2num is compiled since version 3, number-parser and word2number are no longer kept, num2words
goes the other way, and none of them reads "3 million" or "nineteen eighty-four".
"""

import re
import unicodedata
from decimal import Decimal

_UNITS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = [
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
    *("seventeen", "eighteen", "nineteen"),
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {word: n for n, word in enumerate(["zero", *_UNITS, *_TEENS])}
_SMALL |= {word: 10 * n for n, word in enumerate(_TENS, 2)}
_SCALES = {"dozen": 12, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_SCALES |= {"trillion": 10**12}
_ORDINALS = {f"{word}th": word for word in [*_UNITS, *_TEENS, "hundred", *_SCALES]}
_ORDINALS |= {f"{word[:-1]}ieth": word for word in _TENS}
_ORDINALS |= {"first": "one", "second": "two", "third": "three", "fifth": "five"}
_ORDINALS |= {"eighth": "eight", "ninth": "nine", "twelfth": "twelve"}


def _any(words: "list[str] | dict[str, int]") -> str:
    return f"(?:{'|'.join(words)})"


_BELOW_100 = rf"(?:{_any(_TENS)}(?:\s{_any(_UNITS)})?|{_any(_TEENS)}|{_any(['zero', *_UNITS])})"
_YEAR = rf"{_any([*_TEENS, *_TENS])}\s(?:{_any(_TENS)}(?:\s{_any(_UNITS)})?|{_any(_TEENS)})"
_DIGITS = r"\d+(?:\.\d+)?"
_BELOW_1000 = rf"(?:(?:(?:{_DIGITS}|{_BELOW_100})\s)?hundred(?:(?:\sand)?\s{_BELOW_100})?)"
_GROUP = rf"(?:{_BELOW_1000}|{_YEAR}|{_BELOW_100}|{_DIGITS})"
_SCALE = rf"(?:(?:{_GROUP}\s)?{_any(_SCALES)})"
_NUMBER = re.compile(
    rf"(?<![\w.])(?:{_SCALE}(?:(?:\sand)?\s{_SCALE})*(?:(?:\sand)?\s{_GROUP})?|{_GROUP})(?!\w)"
)

_GROUPED = re.compile(r"(?<![\w.,])\d{1,3}(?:([,.'’\u00a0\u202f\u2009 ])\d{3})(?:\1\d{3})*(?!\w)")
_ORDINAL_DIGITS = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_ORDINAL_WORD = re.compile(rf"\b{_any(list(_ORDINALS))}\b")
_ARTICLE = re.compile(rf"\ban?\s(?={_any(['hundred', *_SCALES])})")
_ROMAN = re.compile(r"\b(?=[IVX]{2,}\b)(X{0,3})(IX|IV|V?I{0,3})(?!\w)")
_ROMAN_UNITS = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
_RANGE = re.compile(r"(?<=\d)\s?[-–—]\s?(?=\d)")
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=[^\W\d])")


def with_digits(text: str) -> str:
    """The text in lower case with its numbers as digits.

    A decimal point becomes a word, since punctuation is removed later and 1.5 is not 15.
    """
    text = "".join(str(unicodedata.decimal(c, c)) for c in text)
    text = _ROMAN.sub(lambda found: str(_roman(found[1], found[2])), text).lower()
    text = _GROUPED.sub(lambda found: re.sub(r"\D", "", found[0]), text)
    text = re.sub(r"\s*%|\bper cent\b", " percent", text)
    text = _HYPHEN.sub(" ", _RANGE.sub(" to ", _ORDINAL_DIGITS.sub("", text)))
    text = _ARTICLE.sub("one ", _ORDINAL_WORD.sub(lambda found: _ORDINALS[found[0]], text))
    return _NUMBER.sub(lambda found: _digits(found[0]), text)


def _roman(tens: str, units: str) -> int:
    return 10 * len(tens) + _ROMAN_UNITS.index(units)


def _digits(phrase: str) -> str:
    total = part = Decimal(0)
    for word in phrase.split():
        if word in _SMALL:
            value = _SMALL[word]
            # Beside one that ends on 10 or more the number is read as a year: nineteen eighty.
            part = 100 * part + value if value >= 10 and 10 <= part < 100 else part + value
        elif word == "hundred":
            part = 100 * (part or Decimal(1))
        elif word in _SCALES:
            total, part = total + _SCALES[word] * (part or Decimal(1)), Decimal(0)
        elif word != "and":
            part += Decimal(word)
    return f"{(total + part).normalize():f}".replace(".", " point ")
