"""The questions in a reply: a JSON list, or a line for each."""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from distilabel_rag4rag.schema import NO_REPLY, NOT_UNDERSTOOD
from distilabel_rag4rag.steps.tasks.replies.chat_markup import has_word, message_of
from distilabel_rag4rag.steps.tasks.replies.fences import unfenced
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError


class TypedQuestion(NamedTuple):
    """A question, and its type where the reply names one."""

    text: str
    type: str | None


_QUESTION_KEYS = ("question", "query", "text", "claim", "keywords", "q")
_TYPE_KEYS = ("type", "question_type", "kind", "category")
_LIST_KEYS = ("questions", "queries", "items", "results", "output")
# "1.", "(a)", "-", "Q2:", "Question 3 -"
_MARKER = re.compile(
    r"^\s*(?:(?:[-*•–>]|\(?(?:\d{1,3}|[a-h])[.)\]:])\s+"
    r"|\*{0,2}(?:q|question|query|frage|pregunta|domanda|pytanie)\s?(?:\d{1,3})?\s?[.:)\-]\*{0,2}\s*)+",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    r"^\W*(?:a|answer|antwort|réponse|respuesta|risposta|odpowiedź|答案|回答|válasz)\s?\d*\s?[.:)：]",
    re.IGNORECASE,
)
_QUESTION_MARK = re.compile(r"[?？؟;]\W{0,3}$")
_PREFACE = re.compile(r"^(?:sure|certainly|of course|okay|ok|yes)\b[!,.:]\s+", re.IGNORECASE)
_ASKED = re.compile(r"^.*[?？؟]", re.DOTALL)
_HEADING = re.compile(r"^\s*(?:#{1,6}\s|\*\*[^*]+\*\*:?\s*$)")
_TYPE = re.compile(r"^[\s#*_\[(]*([\w /\-]{2,30}?)[\s*_]*(?:[:：\])]|\s[-–—]\s|\*\*\s*$)+[\s*_:]*")
_ASKING = re.compile(
    r"(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|has|have|had|can"
    r"|could|should|would|will|in what|in which|at what|at which|for what|to whom)\b",
    re.IGNORECASE,
)
_LATIN = re.compile(r"[a-zA-Z]")
_WRAPPING = "\"'“”„‘’«»`*_ \t"


def read_questions(reply: Any, types: Collection[str] = ()) -> list[TypedQuestion]:
    """The questions that an LLM's reply holds, in its order, each once.

    Read are a list or an object of JSON, also one object a line; and lines, numbered or not, with
    or without the type before them. Reasoning, the marks of chat templates, prefaces and answers
    beside the questions are left out.

    Args:
        reply: the LLM's text; None where it gave nothing.
        types: the types that were asked for.

    Raises:
        NoAnswerError: if there is no question in it, with the reason.
    """
    if not isinstance(reply, str) or not reply.strip():
        raise NoAnswerError(NO_REPLY)
    text = unfenced(message_of(reply)).strip()
    named = {_key(name): name for name in types}
    values = _values(text)
    if values:
        found = [question for value in values for question in _in_value(value, None, named)]
    else:
        found = list(_from_lines(text, named))
    questions = unique(found)
    if not questions:
        raise NoAnswerError(NOT_UNDERSTOOD)
    return questions


def is_question(text: str) -> bool:
    """Whether a text asks: by its mark, or by its first word in English.

    In scripts other than the Latin one questions need no mark, and every text may be one.
    """
    return bool(
        _QUESTION_MARK.search(text.rstrip(_WRAPPING))
        or _ASKING.match(text)
        or not _LATIN.search(text)
    )


def unique(questions: Iterable[TypedQuestion]) -> list[TypedQuestion]:
    """Those with words in them, each text once."""
    first: dict[str, TypedQuestion] = {}
    for question in questions:
        if has_word(question.text):
            first.setdefault(question.text.casefold(), question)
    return list(first.values())


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _values(text: str) -> list[Any]:
    """The JSON in a text: all of it, or each line, or the first list or object in it."""
    decoder = json.JSONDecoder(strict=False)
    try:
        return [json.loads(text, strict=False)]
    except ValueError:
        pass
    lines = [line.strip().rstrip(",") for line in text.split("\n")]
    objects = [line for line in lines if line.startswith("{") and line.endswith("}")]
    try:
        if objects and not text.lstrip().startswith("["):
            return [json.loads(line) for line in objects]
    except ValueError:
        pass
    start = re.search(r"[\[{]", text)
    if start is None:
        return []
    try:
        return [decoder.raw_decode(text[start.start() :])[0]]
    except ValueError:
        # A list that was cut off: the objects that are whole.
        whole = [_loads(found[0]) for found in re.finditer(r"\{[^{}]*\}", text)]
        return [value for value in whole if value is not None]


def _loads(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except ValueError:
        return None


def _in_value(value: Any, kind: str | None, named: dict[str, str]) -> Iterator[TypedQuestion]:
    if isinstance(value, str):
        yield TypedQuestion(_cleaned(value), kind)
    elif isinstance(value, list):
        for item in value:
            yield from _in_value(item, kind, named)
    elif isinstance(value, dict):
        yield from _in_object({str(k).casefold(): v for k, v in value.items()}, kind, named)


def _in_object(
    value: dict[str, Any], kind: str | None, named: dict[str, str]
) -> Iterator[TypedQuestion]:
    said = next((value[key] for key in _TYPE_KEYS if isinstance(value.get(key), str)), None)
    own = named.get(_key(said), kind) if said else kind
    for key in _QUESTION_KEYS:
        if isinstance(value.get(key), str | list):
            joined = value[key] if isinstance(value[key], str) else " ".join(map(str, value[key]))
            yield TypedQuestion(_cleaned(joined), own)
            return
    lists = [value[key] for key in _LIST_KEYS if isinstance(value.get(key), list | dict)]
    for inner in lists:
        yield from _in_value(inner, own, named)
    if not lists:  # {"factoid": "…", "keyword": "…"} or {"1": "…"}
        for key, inner in value.items():
            if _key(key) in named or re.fullmatch(r"q?(?:uestion)?\s?_?\d+", key):
                yield from _in_value(inner, named.get(_key(key), own), named)


def _from_lines(text: str, named: dict[str, str]) -> Iterator[TypedQuestion]:
    lines = [line for line in text.split("\n") if has_word(line)]
    marked = any(_MARKER.match(line) for line in lines)
    kind: str | None = None
    for number, line in enumerate(lines):
        marker = _MARKER.match(line)
        rest, own = _without_type(line[marker.end() :] if marker else line, named)
        if heading := own if not has_word(rest) else named.get(_key(line)):
            kind = heading  # the type of what follows
            continue
        is_question = bool(_QUESTION_MARK.search(rest.rstrip(_WRAPPING)))
        if _ANSWER.match(line) and not is_question:
            continue
        alone = len(lines) == 1 and number == 0 and not rest.rstrip().endswith(":")
        if _HEADING.match(line) and not is_question:
            continue
        if own or is_question or (marker and marked) or alone:
            yield TypedQuestion(_cleaned(rest), own or kind)


def _without_type(line: str, named: dict[str, str]) -> tuple[str, str | None]:
    """`**Factoid:** Who …?`, `[keyword] …`, `(claim) …` -> the rest, and the type."""
    match = re.match(
        r"^[\s#*_\[(]*([\w /\-]{2,30}?)[\s*_]*(?:[:：\])]|\s[-–—]\s|\*\*\s*$)+[\s*_:]*", line
    )
    if match and _key(match[1]) in named:
        return line[match.end() :], named[_key(match[1])]
    return line, None


def _cleaned(question: str) -> str:
    text = " ".join(question.split())
    marker = _MARKER.match(text)
    text = _PREFACE.sub("", text[marker.end() :] if marker else text)
    # What follows the last question mark is its answer, or a remark.
    asked = _ASKED.match(text)
    return (asked[0] if asked else text).strip(_WRAPPING)
