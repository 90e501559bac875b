"""The one place where it is decided what a reply says: an answer, an abstention, or neither."""

import re
from collections.abc import Callable, Iterable
from textwrap import dedent
from typing import Any

from distilabel_rag4rag.schema import (
    ABSTAINED,
    NO_REPLY,
    NOT_UNDERSTOOD,
    NOTHING_LEFT,
)
from distilabel_rag4rag.steps.tasks.replies import sections
from distilabel_rag4rag.steps.tasks.replies.chat_markup import has_word, message_of
from distilabel_rag4rag.steps.tasks.replies.cleaning import clean, without_question, without_quotes
from distilabel_rag4rag.steps.tasks.replies.context import Context
from distilabel_rag4rag.steps.tasks.replies.elements import from_elements
from distilabel_rag4rag.steps.tasks.replies.fences import unfenced
from distilabel_rag4rag.steps.tasks.replies.json_replies import (
    answer_in,
    from_json,
    from_whole_json,
)
from distilabel_rag4rag.steps.tasks.replies.latex import from_latex
from distilabel_rag4rag.steps.tasks.replies.lists import items_of, joined
from distilabel_rag4rag.steps.tasks.replies.passages import Passages, words
from distilabel_rag4rag.steps.tasks.replies.refusals import (
    holds_exact_marker,
    holds_marker,
    without_refusals,
)
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError, Reply
from distilabel_rag4rag.steps.tasks.replies.tables import from_table

# What stands around an answer is a few layers deep at most; a reply of 200,000 quotes is no answer.
_ROUNDS = 8

_MARKER_LINE = re.compile(
    r"^[\W_]*(?:answer[\W_]*)?NOT[\W_]{0,5}IN[\W_]{0,5}PASSAGES?[\W_]*?$", re.MULTILINE
)
# What an answer never holds: what is left of markup, of a structure, of a label.
_LEFT_OVER = re.compile(
    r"<\||\|>|</?\s?(?:think|thought|reason|answer|response)|\b(?:think|thinking|thought|reasoning)>|```|^print\(|\*\*|\\[a-z]|[\[{]\s*\""
    r"|[\"'`]\s?[}\]]|\"\w+\"\s?:|^\s*[\]}]|[:：]$|^[^\"]*\w\"\s[^\"]*\"$|^passages?\s\d{1,2}$|^\|\s|^\W{0,2}>\s(?!\d)|\s\|$",
    re.IGNORECASE,
)

# A line that goes on in the next: it ends with a comma or a short word in lower case.
_BREAKS_OFF = re.compile(r"(?:,|\s[^\W\d_A-Z]{1,3})$")

# "\\n" where a server escaped what it sent; LaTeX's \\nu is none.
_LITERAL_LINE_END = re.compile(r"\\n(?=\\n|[A-Z\s*#`\-]|$)")

_LAYERS: tuple[Callable[[str, Context], str], ...] = (
    from_whole_json,
    lambda text, _: message_of(_LITERAL_LINE_END.sub("\n", text) if "\n" not in text else text),
    unfenced,
    from_latex,
    from_elements,
    from_json,
    from_table,
    sections.without_prompt,
    without_question,
    sections.without_preface,
    sections.without_closing,
    sections.answer_section,
    sections.inline_answer,
    without_quotes,
)


def read_reply(
    reply: Any,
    *,
    question: str = "",
    passages: Iterable[str] = (),
    short: bool = True,
    abstain: bool = True,
) -> Reply:
    """What an LLM's reply says, without everything that stands around it.

    Reasoning, the marks of chat templates, fences, JSON, elements, labels and prefaces are taken
    off first; then it is decided whether the reply abstains, and then the answer is cleaned.

    Args:
        reply: the LLM's text; None where it gave nothing. Parts of a message, as some servers
            send them, are read as well.
        question: the question, which may be repeated in the reply.
        passages: what the answer may come from: what stands in them is never a refusal.
        short: whether a few words were asked for: the first line that holds an answer, or all
            items of a list. Otherwise lines become one.
        abstain: whether a reply may be an abstention; if not, refusals are answers.
    """
    context = Context(" ".join(question.split()), Passages(passages), short)
    try:
        if not isinstance(reply, str):
            if not reply:
                raise NoAnswerError(NO_REPLY)
            reply = answer_in(reply, context)
        if not reply.strip():
            raise NoAnswerError(NO_REPLY)
        text = _unwrapped(reply, context, abstain)
        answer = _answer(text, context, abstain)
    except NoAnswerError as error:
        if error.abstained and not abstain:
            return Reply(None, reason=NOTHING_LEFT)
        return Reply(None, abstained=error.abstained, reason=error.reason)
    return Reply(answer)


def _unwrapped(text: str, context: Context, abstain: bool) -> str:
    for _ in range(_ROUNDS):
        before = text
        for layer in _LAYERS:
            text = dedent(layer(text, context)).strip()
            if abstain and layer is _LAYERS[1] and _MARKER_LINE.search(text):
                raise NoAnswerError(ABSTAINED, abstained=True)
        if text == before:
            return text
    raise NoAnswerError(NOT_UNDERSTOOD)


def _answer(text: str, context: Context, abstain: bool) -> str:
    # The marker is never an answer, also where it was not asked for.
    if holds_marker(text, context) if abstain else holds_exact_marker(text):
        raise NoAnswerError(ABSTAINED, abstained=True)
    if abstain and has_word(text):
        text = without_refusals(text, context)
        if not text:
            raise NoAnswerError(ABSTAINED, abstained=True)
    sections.reject_deliberation(text, context)
    if items := items_of(text, context):
        cleaned = [_settled(item, context) for item in items]
        answer = joined([item for item in cleaned if has_word(item)])
    elif context.short:
        answer = _first_line(text, context)
    elif items := items_of(text.partition("\n")[2], context):
        first = _settled(text.partition("\n")[0], context)
        answer = f"{first} {joined([_settled(item, context) for item in items])}"
    else:
        answer = _settled(text, context)
    if not has_word(answer):
        raise NoAnswerError(NOTHING_LEFT)
    if not context.passages.hold(answer) or _is_marked_up(answer):
        if sections.says_nothing(answer):
            raise NoAnswerError(NOTHING_LEFT)
        if _is_marked_up(answer) and not context.passages.contain(answer):
            raise NoAnswerError(NOT_UNDERSTOOD)
    return answer


def _is_marked_up(answer: str) -> bool:
    """Whether some of what stood around an answer is left on it."""
    halves = any(answer.count(a) != answer.count(b) for a, b in ("{}", "[]"))
    half_quoted = answer.count('"') % 2 == 1 or (answer[-1] == "'" and answer.count("'") == 1)
    return halves or half_quoted or bool(_LEFT_OVER.search(answer))


def _settled(line: str, context: Context) -> str:
    """The answer of a line, however labels, prefaces and quotes are put into one another."""
    for _ in range(_ROUNDS):
        cleaned = clean(line, context)
        if not has_word(cleaned) or (line := _unwrapped(cleaned, context, False)) == cleaned:
            return cleaned
    raise NoAnswerError(NOT_UNDERSTOOD)


def _first_line(text: str, context: Context) -> str:
    """The first line that holds an answer.

    Raises:
        NoAnswerError: if another line may be the answer as well: the first stands in no passage,
            and it breaks off, or a short line behind it stands in one.
    """
    lines = [line for line in text.split("\n") if has_word(line)]
    cleaned = ((n, _settled(line, context)) for n, line in enumerate(lines))
    number, answer = next(((n, answer) for n, answer in cleaned if has_word(answer)), (0, ""))
    if context.passages.hold(answer):
        return answer
    if lines[number + 1 :] and _BREAKS_OFF.search(answer):
        raise NoAnswerError(NOT_UNDERSTOOD)
    sentence = answer.endswith((".", "!", "…"))
    for other in lines[number + 1 :]:
        short = len(other) < len(answer) if sentence else other.count(" ") < 5
        if short and context.passages.hold(other) and words(other) not in words(answer):
            raise NoAnswerError(NOT_UNDERSTOOD)
    return answer
