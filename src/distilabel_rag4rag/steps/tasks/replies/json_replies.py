"""Answers in JSON, or in what is nearly JSON.

Several answers become the items of a list, one a line. What is JSON and holds no answer that is
understood is a NoAnswerError.
"""

import ast
import json
import re
from typing import Any

from distilabel_rag4rag.schema import ABSTAINED, NOT_UNDERSTOOD, NOTHING_LEFT, ONLY_REASONING
from distilabel_rag4rag.steps.tasks.replies.context import Context
from distilabel_rag4rag.steps.tasks.replies.languages import kind_of, matches, pattern
from distilabel_rag4rag.steps.tasks.replies.passages import words
from distilabel_rag4rag.steps.tasks.replies.refusals import holds_marker
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError
from distilabel_rag4rag.steps.tasks.replies.sections import chosen, introduces, label_of

_LENGTH = 50_000  # characters that are read as JSON; nothing longer is an answer in it

RESPONSE_KEYS = {"prediction", "completion", "generated text", "final", "value", "boxed", "box"}
# What holds a message in the formats of LLM servers, and a structure that repeats its schema.
_MESSAGE_KEY = re.compile(
    "choices|messages?|content|texts?|parts|candidates|outputs?|data|arguments|parameters"
    "|properties|input|spans?|items?|results?|responses?|delta|function|answer span"
)
_REASONING_KEY = matches(rf"{pattern('reasoning')}|error|refusal")
_KEY = r"[\"'“]?([^\W\d][\w -]{0,40})[\"'”]?\s{0,5}[:：=]"
_STARTS_OBJECT = re.compile(r"\{\s{0,50}" + _KEY)
_LOOSE_VALUE = re.compile(
    _KEY + r"\s{0,5}(?:\"((?:[^\"\\\n]|\\.){1,2000})\"\s{0,5}(?:[,}\n]|$)"
    r"|'((?:[^'\\\n]|\\.){1,2000})'\s{0,5}(?:[,}\n]|$)|([^\"'\[{\s,}][^,}\n]{0,300})[,}\n])"
)
_TRAILING_COMMA = re.compile(r",(?=\s{0,200}[}\]])")
_COMMENT = re.compile(r"(?<=[,{\s])//[^\n\"]*$", re.MULTILINE)
_LATEX_COMMAND = re.compile(
    r"(?<!\\)\\(?=(?:boxed|fbox|text\w{0,6}|frac|beta|theta|times|tau|to|rightarrow|right|rho|nu|neq"
    r"|nabla|begin|bf|rm|big)\b)"
)
_SEPARATORS = re.compile(r"(?<=[a-z])(?=[A-Z])|[_\-.\s]+")


class _Different:
    """The values of a key that an object has twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[key] = value if found.get(key, value) == value else _Different()
    return found


#: Numbers stay as they are written.
_AS_WRITTEN: dict[str, Any] = {
    "strict": False,
    "parse_int": str,
    "parse_float": str,
    "object_pairs_hook": _object,
}


def from_whole_json(text: str, context: Context) -> str:
    """The answer in a reply that is JSON and nothing else, whatever stands in its texts."""
    source = text
    if text.startswith("```") and text.endswith("```"):
        source = text.partition("\n")[2].removesuffix("```")
    quoted = text[:1] == '"' == text[-1:] and re.search(r'\\["/nu]', text) is not None
    if not (quoted or source.lstrip()[:1] in ("{", "[")) or len(source) > _LENGTH:
        return text
    try:
        value = json.loads(_json(source), **_AS_WRITTEN)
    except (ValueError, RecursionError):
        return text
    return answer_in(value, context)


def _json(source: str) -> str:
    """The source with the backslashes of LaTeX escaped, which models forget: "\\boxed{…}"."""
    return _LATEX_COMMAND.sub(r"\\\\", source) if "\\" in source else source


def from_json(text: str, context: Context) -> str:
    """The answer in an object, a list or a string of JSON, or of Python."""
    if text[:1] in ("{", "["):
        start = 0
    else:
        found = (
            f for f in _STARTS_OBJECT.finditer(text) if kind_of(f[1]) in ("answer", "response")
        )
        if (first := next(found, None)) is None:
            return text
        start = first.start()
    source = text[start : start + _LENGTH]
    value, rest = _parsed(source)
    if value is _NOTHING:
        return _loosely(source, text, context)
    if isinstance(value, str) and start == 0 and rest.strip():
        return text  # a quotation that goes on
    if isinstance(value, list) and (rest.strip() or not value) and start == 0:
        if re.fullmatch(r"\[[\d,\s]*\]", text[: len(source) - len(rest)]):
            return rest.strip() or text  # "[1] Torgau" cites passage 1
        if rest.strip() and not introduces(rest):
            raise NoAnswerError(NOT_UNDERSTOOD)
    if value is None:
        raise NoAnswerError(ABSTAINED, abstained=True)
    again, _ = _parsed(rest.lstrip(" ,\n")) if rest.lstrip(" ,\n")[:1] == "{" else (_NOTHING, "")
    answer = answer_in(value, context)
    if again is not _NOTHING and words(answer_in(again, context)) != words(answer):
        raise NoAnswerError(NOT_UNDERSTOOD)
    return answer


_NOTHING: Any = object()


def object_in(text: str) -> dict[str, Any] | None:
    """The object of JSON that a text begins with, or None."""
    value = _parsed(text)[0] if text.startswith("{") and len(text) <= _LENGTH else None
    return value if isinstance(value, dict) else None


def _parsed(source: str) -> tuple[Any, str]:
    """A value at the start of a text, and what follows it; numbers stay as they are written."""
    decoder = json.JSONDecoder(**_AS_WRITTEN)
    source = _json(source)
    plain = source.translate(str.maketrans("“”„‟", '""""'))
    repaired = _TRAILING_COMMA.sub("", _COMMENT.sub("", plain))
    for candidate in dict.fromkeys(
        (source, repaired, repaired.replace("{{", "{").replace("}}", "}"))
    ):
        try:
            value, end = decoder.raw_decode(candidate)
        except (ValueError, RecursionError):
            continue
        return value, candidate[end:]
    if len(source) < 5_000:
        try:
            value = ast.literal_eval(source.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return _NOTHING, source
        if isinstance(value, dict | list | str):
            return value, ""
    return _NOTHING, source


def _loosely(source: str, text: str, context: Context) -> str:
    """The answer in something like JSON that cannot be parsed."""
    found = {
        value.strip()
        for match in _LOOSE_VALUE.finditer(source)
        for value in match.groups()[1:]
        if value and kind_of(match[1]) == "answer"
    }
    if len(found) == 1:
        value = found.pop()
        return value.replace('\\"', '"').replace("\\n", "\n")
    if context.passages.hold(text) and context.passages.contain(text):
        return text
    inside = re.fullmatch(r"([\[{])\1?([^\[\]{}\"\n]{1,500})([\]}])\3?", text)
    if (
        inside
        and label_of(inside[2]) is None
        and not re.search(r"\banswer\b|[:=]", inside[2], re.IGNORECASE)
    ):
        return inside[2]
    if (
        text[0] == "["
        and "]" in text[:40]
        and not text.endswith("]")
        and not re.match(r"\[\s*[\"'{\[]|\[[A-Z_]{3,}\]", text)
    ):
        return text  # "[sic] …"
    raise NoAnswerError(NOT_UNDERSTOOD)


def answer_in(value: Any, context: Context) -> str:
    """The answer in a value of JSON.

    Raises:
        NoAnswerError: if there is none, or several that differ.
    """
    if isinstance(value, str):
        return value
    if value is None:
        raise NoAnswerError(ABSTAINED, abstained=True)
    if isinstance(value, bool):
        raise NoAnswerError(NOT_UNDERSTOOD)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict):
        return _answer_in_object(value, context)
    if isinstance(value, list | tuple):
        return _answer_in_list(list(value), context)
    raise NoAnswerError(NOT_UNDERSTOOD)


def _answer_in_list(values: list[Any], context: Context) -> str:
    parts = [v for v in values if isinstance(v, dict) and isinstance(v.get("type"), str)]
    if parts and len(parts) == len(values):  # the parts of a message's content
        texts = [
            v["text"]
            for v in parts
            if isinstance(v.get("text"), str) and v["type"].endswith("text")
        ]
        if texts:
            # Parts of one text, unless one of them is the marker of an abstention by itself.
            return ("\n" if any(holds_marker(text, context) for text in texts) else "").join(texts)
    answers = [answer_in(value, context).strip() for value in values]
    if not answers:
        raise NoAnswerError(NOTHING_LEFT)
    if len(answers) == 1:
        return answers[0]
    if any("\n" in answer for answer in answers):
        raise NoAnswerError(NOT_UNDERSTOOD)
    return "\n".join(f"- {answer}" for answer in answers)


_IS_ANSWERED = re.compile(
    r"(?:is |has |was )?(?:answerable|answered|answer found|found|supported|in (?:the )?passages?)"
)
_IS_NOT_ANSWERED = re.compile(
    r"(?:is |has )?(?:abstain(?:ed|s)?|unanswerable|impossible|no answer|not found)"
)


def _says_no_answer(name: str, value: Any) -> bool:
    """`{"answerable": false}`, `{"abstain": true}`, whatever stands beside it."""
    said = (
        value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())
    )
    return (said is False and bool(_IS_ANSWERED.fullmatch(name))) or (
        said is True and bool(_IS_NOT_ANSWERED.fullmatch(name))
    )


def _answer_in_object(value: dict[Any, Any], context: Context) -> str:
    names = {key: _SEPARATORS.sub(" ", str(key)).strip().lower() for key in value}
    if isinstance(value.get("type"), str) and re.search("think|reason", value["type"]):
        raise NoAnswerError(ONLY_REASONING)
    if any(_says_no_answer(names[key], value[key]) for key in value):
        raise NoAnswerError(ABSTAINED, abstained=True)
    answers = [key for key in value if kind_of(str(key)) == "answer"]
    answers = answers or [
        k for k in value if kind_of(str(k)) == "response" or names[k] in RESPONSE_KEYS
    ]
    if answers:
        given = [
            (names[key], answer_in(value[key], context))
            for key in answers
            if value[key] is not None
        ]
        if not given:
            raise NoAnswerError(ABSTAINED, abstained=True)
        return chosen(given, context)
    messages = [value[key] for key, name in names.items() if _MESSAGE_KEY.fullmatch(name)]
    found = []
    for message in messages:
        if isinstance(message, str | list | dict):
            try:
                found.append(("", answer_in(message, context)))
            except NoAnswerError:
                continue
    if found:
        return chosen(found, context)
    others = [
        key
        for key, name in names.items()
        if kind_of(name) is None and not _REASONING_KEY.search(name)
    ]
    if not others:
        raise NoAnswerError(ONLY_REASONING if value else NOTHING_LEFT)
    name, text = str(others[0]), value[others[0]]
    known = isinstance(text, str) and (
        words(name) == words(context.question) or context.passages.hold(text)
    )
    if len(others) > 1 or not known:
        raise NoAnswerError(NOT_UNDERSTOOD)
    return str(text)
