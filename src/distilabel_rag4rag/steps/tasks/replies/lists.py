"""The items of a list, whatever marks them."""

import re

from distilabel_rag4rag.steps.tasks.replies.chat_markup import has_word
from distilabel_rag4rag.steps.tasks.replies.context import Context

_BULLET = re.compile(
    r"(?P<indent>[ \t]{0,8})(?:(?P<mark>[-*+•‣▪◦●○·–—∙■□➢➤►▶✓✔✅☑☐→])[ \t]+(?:\[[ xX]\][ \t]+)?"
    r"|\(?(?P<number>\d{1,3})(?:[.)][ \t]+|、[ \t]*)"
    r"|\(?(?P<letter>[a-z]|[IVX]{1,4}|[A-H](?=\)))[.)][ \t]+"
    r"|(?P<circled>[①-⑳])[ \t]*)"
    r"(?P<item>\S.*)"
)
#: Marks that are a minus as well, and what they stand before then.
_SIGNS = {"-", "–", "—", "+"}
_QUANTITY = re.compile(r"[€$£¥]?\d")
_TIGHT = re.compile(r"(?P<mark>[-*•–—])(?P<item>[^\s\-*].*)")


def items_of(text: str, context: Context) -> list[str]:
    """The items of the list that a text begins with, [] where it begins with none.

    Lines without marks are a list where each of them stands in a passage.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) == 1 and not context.passages.contain(lines[0].strip()):
        lines = _in_one_line(lines[0].strip())
    found = [_BULLET.fullmatch(line.rstrip()) for line in lines]
    if lines and found[0] is None and len(lines) > 1:
        tight = [_TIGHT.fullmatch(line.strip()) for line in lines]
        if all(tight):
            return [match["item"] for match in tight if match]
        return _plain(text, context)
    items: list[str] = []
    for match in found:
        if match is None:
            break
        if found[0] and len(match["indent"]) > len(found[0]["indent"]) + 1:
            continue  # an item below an item
        if match["number"] and int(match["number"]) != len(items) + int(found[0]["number"] or 1):  # type: ignore[index]
            break
        items.append(match["item"])
    if len(items) == 1 and found[0]:
        return [] if _is_no_list(found[0], lines[0].strip(), context) else items
    return items


def _is_no_list(found: re.Match[str], line: str, context: Context) -> bool:
    """Whether the mark of a single item belongs to it: "1. FC Köln", "24. Dezember", "- 5 °C"."""
    if found["letter"] and line.startswith(f"{found['letter']})"):  # "B) Torgau" of a choice
        return context.passages.contain(line)
    if found["letter"] or (found["number"] and int(found["number"]) != 1):
        return True
    if context.passages.contain(line):
        return True
    if found["number"]:
        return not context.passages.hold(found["item"])
    quantity = found["mark"] in _SIGNS and bool(_QUANTITY.match(found["item"]))
    return quantity and not context.passages.contain(found["item"].strip())


def _in_one_line(line: str) -> list[str]:
    """The items of "1. Torgau 2. Pirna" or "• Torgau • Pirna", each with its mark."""
    marks = list(re.finditer(r"(?:^|(?<=\s))(?:(\d{1,2})[.)]|•)\s", line))
    numbers = [int(mark[1]) for mark in marks if mark[1]]
    counted = numbers == list(range(1, len(marks) + 1)) or not numbers
    if len(marks) < 2 or marks[0].start() or not counted:
        return [line]
    ends = [mark.start() for mark in marks[1:]] + [len(line)]
    return [line[mark.start() : end].strip() for mark, end in zip(marks, ends, strict=True)]


def _plain(text: str, context: Context) -> list[str]:
    lines = text.strip().split("\n")
    whole = all(has_word(line) and context.passages.hold(line) for line in lines)
    short = all(
        len(line.split()) <= 8 and not line.rstrip().endswith((".", "!", "?", ":"))
        for line in lines
    )
    alone = not any(a != b and a.strip().lower() in b.lower() for a in lines for b in lines[:50])
    return lines if 1 < len(lines) <= 50 and whole and short and alone else []


def joined(items: list[str]) -> str:
    """The items in one line."""
    ends = [item.rstrip(" ,;") for item in items]
    if len(ends) > 1 and all(end.endswith(".") for end in ends):
        if all(len(end.split()) > 4 for end in ends):
            return " ".join(ends)  # sentences
        ends = [end[:-1] for end in ends]
    return ("; " if any("," in end for end in ends) else ", ").join(ends)
