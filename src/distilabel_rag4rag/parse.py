"""What an LLM adds to an answer, taken off again; and the many ways of saying "not in there"."""

import re

#: What the prompt asks the LLM to reply when the passages do not hold the answer.
MARKER = "NOT IN PASSAGES"

_MARKER = re.compile(r"\bnot[\W_]+in[\W_]+(the[\W_]+)?passages?\b(?!\s+of\b)", re.IGNORECASE)

_EVIDENCE = r"(passages?|context|text|documents?|information|source)( (provided|given|above))?"
#: A reply that begins so is a refusal in a model's own words. Each is anchored at the start, so
#: that an answer which merely contains such words stays an answer.
_REFUSALS = re.compile(
    rf"""^(i'?m\ sorry|sorry|unfortunately)?[,.]?\ ?(but\ )?(
      the\ (given\ |provided\ )?{_EVIDENCE}\ (do(es)?\ not|don't|doesn't)
        \ (contain|provide|mention|include|say|specify|state|give|hold|answer)
    | (the|an|this)\ (answer|information|question)(\ to\ [^.]*?)?
        \ (is\ not|isn't|cannot\ be|can't\ be)\ (in|given|mentioned|provided|contained|stated
        |found|specified|available|answered|determined)
    | it\ is\ not\ (mentioned|stated|specified|given|provided)
    | not\ (mentioned|stated|specified|given|provided|found)\b
    | i\ (do\ not|don't|cannot|can't|could\ not|couldn't|am\ unable\ to)
        \ (know|answer|find|determine)
    | there\ is\ no\ (information|mention|answer)
    | no\ answer(\ (is|was|can|could|in|found|available|given)\b|[.!]?$) | unanswerable\b | n/a$
    )""",
    re.IGNORECASE | re.VERBOSE,
)

# What stands around an answer is a few layers deep at most; a reply of 200,000 quotes is no answer.
_ROUNDS = 8

_WRAPPERS = "\"“”„«»‘’'`*_"
_CLOSES = {'"': '"', "“": "”", "„": "“", "«": "»", "‘": "’", "'": "'", "`": "`", "*": "*", "_": "_"}
_LABEL = re.compile(
    r"^[\W_]*(?:(?:final|short|full|exact|correct)\s+)?(?:answer|response|reply|a)\s*[*_]*\s*:\s*[*_]*\s*",
    re.IGNORECASE,
)
_ACCORDING = re.compile(
    r"^(?:(?:according to|based on|as (?:stated|mentioned|described|given) in)\s+(?:the\s+)?"
    r"|(?:from|in)\s+the\s+)"
    r"(?:given\s+|provided\s+|above\s+)?"
    r"(?:passages?|context|text|document)(?:\s+(?:\d+|provided|given|above))?\s*[,:]\s*",
    re.IGNORECASE,
)
_ANSWER_IS = re.compile(
    r"^(?:the|my)\s+(?:correct\s+)?answer(?:\s+to\s+(?:the|this|your)\s+question)?\s+is\b\s*:?\s*"
    r"(?!not\b)",
    re.IGNORECASE,
)
_CITATION = re.compile(
    r"\s*(?:\[(?:passages?\s+)?\d{1,2}(?:\s*,\s*\d{1,2})*\]|\(passages?\s+\d[^()]{0,20}\))\s*([.]?)$",
    re.IGNORECASE,
)


def is_abstention(reply: str) -> bool:
    """Whether the reply says that the passages do not hold the answer.

    The marker counts anywhere in the reply, in any case and punctuation ("not-in-passages.",
    "The answer is **NOT IN PASSAGES**"); a refusal in the model's own words only at its start.
    """
    text = " ".join(reply.replace("’", "'").split()).strip(_WRAPPERS + " ")
    text = _LABEL.sub("", text)
    return bool(_MARKER.search(text) or _REFUSALS.match(_ACCORDING.sub("", text)))


def clean(reply: str, question: str = "", one_line: bool = True) -> str:
    """The answer without what models put around it.

    Args:
        reply: the LLM's text.
        question: taken off where the reply begins by repeating it.
        one_line: keep the first line that holds an answer; otherwise lines become one.

    Returns:
        The answer, possibly "".
    """
    text = _unlabelled(reply.strip(), question)
    if one_line:
        # A label or a repeated question may fill the first line: look for the first line of
        # which something is left.
        lines = (_unlabelled(line.strip(), question) for line in text.splitlines())
        text = next((line for line in lines if line), "")
    text = " ".join(text.split())
    for _ in range(_ROUNDS):
        text, before = _unwrapped(_CITATION.sub(r"\1", _unlabelled(text, question))), text
        if text == before:
            break
    return text


def _unlabelled(text: str, question: str) -> str:
    """Without a repeated question, "Answer:", "According to the context," or "The answer is"."""
    for _ in range(_ROUNDS):
        before = text
        if question and (repeated := re.match(re.escape(question), text, re.IGNORECASE)):
            text = text[repeated.end() :].lstrip(" \t\r\n?:-")
        text = _ANSWER_IS.sub("", _ACCORDING.sub("", _LABEL.sub("", text))).lstrip()
        if text == before:
            break
    return text


def _unwrapped(text: str) -> str:
    """Without quotes or Markdown marks that stand around the whole text."""
    if len(text) > 2 and text[-1] in ".," and text[-2] == _CLOSES.get(text[0]):
        text = text[:-1]  # the full stop after a closing quote
    if len(text) > 1 and _CLOSES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    for mark in ("**", "__"):
        if text.startswith(mark) and text.endswith(mark) and len(text) > 4:
            text = text[2:-2].strip()
    return text
