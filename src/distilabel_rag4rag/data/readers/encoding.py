"""The text of a file, whatever its encoding."""

import codecs
from pathlib import Path

from charset_normalizer import CharsetMatch, from_bytes

_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: The encodings that text files have in practice; of more, short texts are taken for rare ones.
_CANDIDATES = (
    *("utf_16_le", "utf_16_be", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949", "koi8_r"),
)


def read_text(path: Path) -> tuple[str, str | None]:
    """The text of a file, and what the user should know about its encoding, or None.

    UTF-8, or the encoding that a byte order mark names; else the most likely one.

    Raises:
        ValueError: if it is no text in an encoding that is known here.
    """
    try:
        return decode(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is {error}") from error


def decode(data: bytes) -> tuple[str, str | None]:
    """As `read_text`, for the bytes of a file."""
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    encoding = encoding or _utf16_without_mark(data) or "utf-8"
    text = data.decode(encoding, "replace")
    damaged = text.count("\ufffd") - data.count("\ufffd".encode())
    if encoding != "utf-8" or not damaged:
        return text, None
    # Each character that is valid beyond ASCII speaks for UTF-8; in other encodings there are
    # next to none.
    if sum(character > "\x7f" for character in text) - damaged > damaged:
        return text, "not all of it is UTF-8; the rest was replaced by \ufffd"
    found = _likely(data)
    if found is None:
        raise ValueError(
            "not UTF-8 text, and not a text file in another encoding that is known here; if it is "
            "text, save it as UTF-8"
        )
    return data.decode(found), f"not UTF-8, read as {found}; save as UTF-8 to be sure"


def _utf16_without_mark(data: bytes) -> str | None:
    """UTF-16 of an alphabet may be valid UTF-8, but every second byte is a control then."""
    start = data[:4096]
    controls = [byte < 0x20 and byte not in b"\t\n\r" for byte in start]
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        high, low = controls[offset::2], controls[1 - offset :: 2]
        if sum(high) > 0.9 * len(high) and sum(low) < 0.3 * len(low):
            return encoding
    return None


def _likely(data: bytes) -> str | None:
    matches = from_bytes(data, cp_isolation=list(_CANDIDATES))
    if not matches:
        return None

    def badness(match: CharsetMatch) -> tuple[float, float]:
        return match.chaos, -match.coherence

    best = min(badness(match) for match in matches)
    equal = [match for match in matches if badness(match) == best]
    names = {name for match in equal for name in match.could_be_from_charset}
    return "cp1252" if "cp1252" in names else equal[0].encoding  # Western European before others
