"""What models put around an answer within a line: quotes, citations, "According to the passage"."""

import re
import unicodedata

from distilabel_rag4rag.schema import NOT_UNDERSTOOD
from distilabel_rag4rag.steps.tasks.replies.chat_markup import has_word
from distilabel_rag4rag.steps.tasks.replies.context import Context
from distilabel_rag4rag.steps.tasks.replies.languages import matches, pattern, plain, words_of
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError

_ROUNDS = 8

_CLOSES = {
    '"': '"', "“": "”“", "„": "“”\"", "”": "”", "«": "»", "»": "«", "‹": "›", "›": "‹", "‘": "’",
    "‚": "‘’", "'": "'", "`": "`'", "*": "*", "「": "」", "『": "』", "＂": "＂", "〝": "〞",
    "_": "_",
}  # fmt: skip
_QUESTION = "|".join(re.escape(word) for word in words_of("question"))
_PASSAGE = re.compile(r"^[\[(]passages?\s\d{1,2}[\])]\s?[:,–-]?\s{0,3}(?=\S)", re.IGNORECASE)
_NAMED = re.compile(r"([\w ]{1,30}?)\s?[:：=]\s(\S.*)")
_CITATION = re.compile(
    r"(?:\s{1,3}(?:\[(?:passages?\s{1,3})?\d{1,2}(?:\s{0,3},\s{0,3}\d{1,2}){0,9}\]"
    r"(?:\s?\[\d{1,2}\]){0,9}|\[(?:citation|cite|doc|document|source|ref)[_:\s]?\d{1,2}\]"
    r"|\((?:source:?\s|see\s|from\s)?passages?\s\d[^()]{0,20}\)|\[source:?\s[^\[\]]{0,30}\]|[–—-]\s?passages?\s\d{1,2})"
    r"|\s{0,3}(?:【[^】\n]{0,40}】|\[\^\d{1,3}\]))\s{0,3}([.]?)$",
    re.IGNORECASE,
)
_SOURCE_LAST = matches(
    rf"\s{{0,3}}(?:\((?:see\s|source:?\s|from\s)?(?:{pattern('source')})[^()\n]{{0,40}}\)"
    rf"|,\s?(?:{pattern('source')}))(\.?)$"
)
_ABOUT_SOURCE = matches(rf"(?<=[.!?])\s{{1,3}}\(?(?:{pattern('about')})\b")
_LOOSE_MARKS = re.compile(r"^(?:\.{3}|…)\s?|[ ]?(?:…|\^\[\d{1,2}\]|#{2,}|[ ][*#~])$")
_IS_THE_ANSWER = matches(r"^(.{1,300}?)\sis the (?:final |correct |right )?answer[.!]?$")
_LINK = re.compile(r"!?\[([^\[\]\n]{1,200})\]\((?:https?:|www\.|#|/)[^()\s]{0,300}\)")
_BOLD = re.compile(r"(?<!\w)(\*{2,3})(?=\S)([^*\n]{1,300}?)(?<=\S)\1(?!\w)")
_ITALIC = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]{1,300}?)(?<=\S)\*(?![\w*])")
_CONFIDENCE = matches(
    rf"[\s,;|–—-]{{0,4}}[(\[|]?\s?(?:{pattern('sureness')})(?:\s(?:score|level))?"
    r"\s?[:=]?\s?(?:\d[\d.,]{0,6}\s?%?(?:/\d{1,3})?|high|medium|low|hoch|mittel|niedrig)[)\]]?\.?$"
)
# Not "> 5 mg" nor ">= 3".
_SIGNS = {"-", ">", ">=", "=>", "<", "<=", "=", "±"}
_QUOTED = re.compile(r"^[ \t]{0,3}>(?!\s?[=\d])[ \t]?", re.MULTILINE)
_AFTER_QUESTION = re.compile(r"^[\s?？:：]*(?:[-–—=]{0,2}[>→]?\s{1,3})?\s*")
_HEADING = re.compile(r"^#{1,6}[ \t]+(.*?)[ \t]*#*$")


def without_question(text: str, context: Context) -> str:
    """Without the question at the start, and what labels it and the answer then.

    Only where the question has ended: "Paris is the capital" does not repeat the question "Paris".
    """
    question = context.question
    if not question:
        return text
    repeated = re.match(
        rf"[\W_]{{0,8}}(?:(?:{_QUESTION})\s?[:：][*_\s]{{0,4}})?{re.escape(question)}[*_]{{0,3}}",
        text,
        re.IGNORECASE,
    )
    rest = text[repeated.end() :] if repeated else None
    if rest is None or not (question.endswith(("?", "？")) or re.match(r"\s*($|[\n?:])", rest)):
        return text
    rest = _AFTER_QUESTION.sub("", rest, count=1)
    if context.passages.contain(rest.partition("\n")[0].strip()):
        return rest
    return re.sub(r"^a\s{0,3}:\s{0,3}", "", rest, flags=re.IGNORECASE)


def without_quotes(text: str, context: Context) -> str:
    """Without the marks of a quotation, a heading or emphasis that stand around the whole text."""
    text = _CITATION.sub(r"\1", text)
    if text.startswith(">"):
        text = _QUOTED.sub("", text)
    first, newline, rest = text.partition("\n")
    heading = _HEADING.match(first)
    title = heading[1] if heading else first
    bold = first.startswith("**") and first.rstrip().endswith("**") and first.count("**") == 2
    if has_word(rest) and (heading or bold) and not context.passages.hold(title):
        if context.passages.hold(rest.strip().partition("\n")[0]):
            return rest
        if heading:
            raise NoAnswerError(NOT_UNDERSTOOD)
    if heading:
        text = title + newline + rest
    return _unwrapped(text.strip(), context)


def clean(text: str, context: Context) -> str:
    """The answer of one line, without what models put around it."""
    text = _BOLD.sub(r"\2", _LINK.sub(r"\1", text))
    if not context.passages.contain(text):
        text = _ITALIC.sub(r"\1", text)
    text = " ".join(text.split())
    for _ in range(_ROUNDS):
        before = text
        text = without_question(text, context)
        if not context.passages.hold(text):
            text = _without_source(_PASSAGE.sub("", text))
            text = _without_name_of_the_asked(text, context)
            text = _IS_THE_ANSWER.sub(r"\1", text)
            text = _CONFIDENCE.sub("", text)
        if not context.passages.contain(text):
            text = _LOOSE_MARKS.sub("", text)
        text = _unwrapped(_CITATION.sub(r"\1", _without_symbols(text, context)), context)
        if text == before:
            break
    return text


def _without_source(text: str) -> str:
    """Without ", according to the passage" at the end, and sentences about where it is stated."""
    if found := _ABOUT_SOURCE.search(plain(text)):
        text = text[: found.start()]
    found = _SOURCE_LAST.search(plain(text)[-200:])
    return text[: len(text) - len(found[0])] + found[1] if found else text


def _without_name_of_the_asked(text: str, context: Context) -> str:
    """Without "Town:" before what stands in a passage, where the name itself stands in none."""
    named = _NAMED.fullmatch(text)
    if (
        named
        and context.short
        and context.passages.hold(named[2])
        and not context.passages.hold(named[1])
    ):
        return named[2]
    return text


def _without_symbols(text: str, context: Context) -> str:
    """Without pictures and arrows at either end."""
    start, _, rest = text.partition(" ")
    # "- 5 °C", ">= 3", unless the passages say it without the sign
    signed = start in _SIGNS and rest[:1].isdigit() and not context.passages.contain(rest)
    if (
        rest
        and not signed
        and all(_is_picture(sign) for sign in start)
        and not context.passages.contain(text)
    ):
        text = rest.lstrip()
    start, _, end = text.rpartition(" ")
    if start and all(_is_picture(sign) for sign in end) and not context.passages.contain(text):
        text = start.rstrip()
    return text


def _is_picture(sign: str) -> bool:
    return (
        unicodedata.category(sign) in ("So", "Sk", "Mn", "Cf")
        or sign in ":：;=>-→⇒"
        or "\u2190" <= sign <= "\u21ff"
    )


def _unwrapped(text: str, context: Context) -> str:
    """Without quotes or Markdown marks that stand around the whole text."""
    if len(text) > 2 and text[-1] in ".," and text[-2] in _CLOSES.get(text[0], ""):
        text = text[:-1]  # the full stop after a closing quote
    for mark in ("***", "**", "~~", "''", "``", '""'):
        closing = "''" if mark == "``" and text.endswith("''") else mark
        inside = text[len(mark) : -len(closing)]
        if (
            text.startswith(mark)
            and text.endswith(closing)
            and mark not in inside
            and has_word(inside)
        ):
            return inside.strip()
    if len(text) > 2 and text[0] == "\\" and text[1] in "\"'" and text.endswith(text[:2]):
        text = text[1:-2] + text[-1]
    paired = len(text) > 1 and text[-1] in _CLOSES.get(text[0], "")
    if paired and text[0] in text[1:-1]:  # one quotation inside another, or two in a row
        paired = len(text) > 4 and (text[0], text[-1]) == (text[1], text[-2])
    if text[:1] == '"' == text[-1:] and '""' in (text[:2], text[-2:]) and text.count('"') % 2 == 0:
        paired = len(text) > 2  # a quotation that begins or ends with a quotation
    if paired and not text.startswith("__"):
        return text[1:-1].strip()
    if re.fullmatch(r"\([^():]+\)", text) and not context.passages.contain(text):
        return text[1:-1].strip()
    if text.startswith("__") and text.endswith("__") and context.passages.hold(text[2:-2]):
        return text[2:-2].strip()
    return text if context.passages.contain(text) else _without_odd_mark(text)


def _without_odd_mark(text: str) -> str:
    """Without a quote or bold mark at one end that has no partner."""
    if text.count("**") == 1:
        text = text.removeprefix("**").removesuffix("**")
    if text.count("`") == 1:
        text = text.strip("`")
    if text.count('"') == 1 and (
        text[:1] == '"' or (text[-1:] == '"' and not text[-2:-1].isdigit())
    ):
        text = text.strip('"')
    for opening, closing in ("“”", "«»", "„“", "「」"):
        if text[:1] == opening and closing not in text:
            text = text[1:]
        elif (
            text[-1:] == closing
            and opening not in text
            and "„" not in text
            and "“" not in text[:-1]
        ):
            text = text[:-1]
    return text.strip()
