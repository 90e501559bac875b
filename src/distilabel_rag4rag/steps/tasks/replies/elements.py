"""Answers in elements of XML and HTML."""

import html
import re

from distilabel_rag4rag.schema import NOT_UNDERSTOOD
from distilabel_rag4rag.steps.tasks.replies.chat_markup import has_word
from distilabel_rag4rag.steps.tasks.replies.context import Context
from distilabel_rag4rag.steps.tasks.replies.json_replies import RESPONSE_KEYS
from distilabel_rag4rag.steps.tasks.replies.languages import kind_of
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError
from distilabel_rag4rag.steps.tasks.replies.sections import chosen

_TAG = re.compile(
    r"<\s{0,2}(\\?/)?\s{0,2}([^\W\d][\w:.\-]{0,60})"
    r"((?:\s{1,3}[\w:.\-]{1,60}\s{0,3}=\s{0,3}(?:\"[^\"<>]{0,300}\"|'[^'<>]{0,300}'|[^\s\"'<>]{1,100})){0,10})"
    r"\s{0,3}(/)?\s{0,2}>"
)
_NO_CONTENT = re.compile(r"<!--.{0,500}?-->|<\?xml[^<>]{0,200}\?>|\]\]>", re.DOTALL)
_PAGE = re.compile(r"\s*<(?:!doctype|html|head)\b", re.IGNORECASE)
_LINES = frozenset(
    [
        "p",
        "div",
        "br",
        "ul",
        "ol",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "pre",
        "section",
        "article",
        "tr",
        "hr",
        "body",
        "main",
        "table",
        "tbody",
        "thead",
    ]
)
_IN_LINE = frozenset(
    [
        "b",
        "i",
        "u",
        "em",
        "strong",
        "span",
        "code",
        "q",
        "cite",
        "a",
        "sub",
        "sup",
        "small",
        "mark",
        "font",
        "center",
        "tt",
        "kbd",
        "var",
        "samp",
        "abbr",
        "big",
        "td",
        "th",
        "ins",
        "dfn",
        "time",
        "label",
    ]
)
_STRUCK_OUT = re.compile(
    r"<(del|s|strike|script|style)\b[^<>]{0,100}>.{0,500}?</\1\s?>", re.IGNORECASE | re.DOTALL
)


def from_elements(text: str, context: Context) -> str:
    """The content of the element that holds the answer, or the text without HTML's tags."""
    angled = re.fullmatch(r"<{1,2}([^<>/\n]{1,200})>{1,2}", text)
    if angled and context.passages.hold(angled[1]) and not context.passages.contain(text):
        return angled[1]
    if _PAGE.match(text):
        raise NoAnswerError(NOT_UNDERSTOOD)  # a server's error page
    text = _STRUCK_OUT.sub("", _NO_CONTENT.sub("", text).replace("<![CDATA[", ""))
    tags = list(_TAG.finditer(text))
    if not tags:
        return text if context.passages.hold(text) else html.unescape(text)
    answers = [tag for tag in tags if kind_of(tag[2]) == "answer"]
    answers = answers or [tag for tag in tags if _is_response(tag[2])]
    if answers:
        return html.unescape(chosen(_contents(text, answers), context))
    asides = [tag for tag in tags if _is_aside(tag[2]) and not tag[4]]
    if asides:
        outside = _outside(text, asides)
        if not has_word(outside):
            raise NoAnswerError(NOT_UNDERSTOOD)
        return outside
    return html.unescape(_TAG.sub(lambda tag: _replacement(tag, text, context), text))


def _is_response(name: str) -> bool:
    return kind_of(name) == "response" or name.lower() in RESPONSE_KEYS | {"assistant"}


def _is_aside(name: str) -> bool:
    return kind_of(name) in ("aside", "question") or name.lower() in ("caption", "title")


def _contents(text: str, tags: list[re.Match[str]]) -> list[tuple[str, str]]:
    """What stands in each innermost element; a missing end or beginning is that of the text."""
    found = []
    for number, tag in enumerate(tags):
        following = tags[number + 1] if number + 1 < len(tags) else None
        if tag[4] or (tag[1] and number > 0):
            continue
        if tag[1]:
            found.append((tag[2].lower(), text[: tag.start()]))
        elif following is None or following[1]:
            end = following.start() if following else len(text)
            found.append((tag[2].lower(), text[tag.end() : end]))
    return found


def _outside(text: str, tags: list[re.Match[str]]) -> str:
    kept, position, depth = [], 0, 0
    for tag in tags:
        if depth == 0 and not tag[1]:
            kept.append(text[position : tag.start()])
        depth = max(0, depth - 1) if tag[1] else depth + 1
        position = tag.end()
    return "\n".join([*kept, text[position:] if depth == 0 else ""])


def _replacement(tag: re.Match[str], text: str, context: Context) -> str:
    """What stands for a tag in plain text."""
    name = tag[2].lower()
    if context.passages.hold(tag[0]) and tag[0] in text and name not in _LINES | _IN_LINE | {"li"}:
        return tag[0]
    if name == "li":
        return "" if tag[1] else "\n- "
    if name in _LINES:
        return "\n"
    if name in _IN_LINE:
        return ""
    before = text[max(0, tag.start() - 1) : tag.start()]
    if before.isalnum() and f"</{tag[2]}" not in text:
        return tag[0]  # vector<int>
    raise NoAnswerError(NOT_UNDERSTOOD)
