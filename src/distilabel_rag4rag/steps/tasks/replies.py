"""What an LLM adds to an answer, taken off again; and the many ways of saying "not in there"."""

import re

#: What the prompt asks the LLM to reply when the passages do not hold the answer.
MARKER = "NOT IN PASSAGES"

_EVIDENCE = r"(passages?|context|text|documents?|information|source)( (provided|given|above))?"
_END = r"([.,;:!?]|$)"
# The marker ends a clause: "not in passage 1 but in passage 2" and "passage tombs" are answers.
_MARKER = re.compile(
    r"\bnot[\W_]+in[\W_]+((the|this|these|any)[\W_]+)?passages?(?=[\W_]*$|[.,;:!?)\]\"'*])",
    re.IGNORECASE,
)
#: A reply that begins so is a refusal in a model's own words. Each is anchored at the start and
#: goes on as refusals do, so that a title such as "I Don't Know How to Love Him" stays an answer.
_REFUSALS = re.compile(
    rf"""^(i'?m\ sorry|sorry|unfortunately)?[,.]?\ ?(but\ )?(
      (the\ |this\ |these\ )?(given\ |provided\ )?{_EVIDENCE}
        \ (do(es)?\ not|don't|doesn't)
        \ (contain|provide|mention|include|say|specify|state|give|hold|answer)\b
    | none\ of\ the\ (given\ |provided\ )?{_EVIDENCE}
        \ (contain|provide|mention|include|say|give)s?\b
    | (the|an|this)\ (answer|information|question)(\ to\ [^.]*?)?
        \ (is\ not|isn't|cannot\ be|can't\ be)\ (in|given|mentioned|provided|contained|stated
        |found|specified|available|answered|determined)\b
    | [^.]{{0,80}}?\b(is|was|are|were)(\ not|n't)\ (mentioned|stated|specified|given|provided
        |contained|found)\ (in|by)\ (the|this)\ {_EVIDENCE}
    | (it|this|that)('s|\ is)\ not\ (mentioned|stated|specified|given|provided){_END}
    | not\ (mentioned|stated|specified|given|provided|found)
        ({_END}|\ (in|by)\ the\ (given\ |provided\ )?{_EVIDENCE})
    | i\ (do\ not|don't|cannot|can't|could\ not|couldn't|am\ unable\ to)
        \ (know|answer|find|determine)({_END}|\ (the|this|that|it|an|any|from|based)\b)
    | there\ (is\ no|is\ not\ any|isn't\ any)\ (information|mention|answer)
        ({_END}|\ (to|in|about|of|on|for|given|provided|available)\b)
    | (it\ )?cannot\ be\ (determined|answered)({_END}|\ (from|by|with)\b)
    | (insufficient|not\ enough|no)\ (information|context|evidence)({_END}|\ (to|in|is|about|on)\b)
    | no\ answer(\ (can\ be|could\ be|was\ found|is\ (given|found|available|provided))\b|[.!]?$)
    | unanswerable({_END}|\ (from|with|by)\b) | unknown[.!]?$ | n/a$
    )""",
    re.IGNORECASE | re.VERBOSE,
)

# What stands around an answer is a few layers deep at most; a reply of 200,000 quotes is no answer.
_ROUNDS = 8

_WRAPPERS = "\"“”„«»‘’'`*_"
_CLOSES = {'"': '"', "“": "”", "„": "“", "«": "»", "‘": "’", "'": "'", "`": "`", "*": "*"}
_LABEL = re.compile(
    r"^[\W_]*(?:(?:final|short|full|exact|correct)\s+)?(?:answer|response|reply)[\s*_]*:[\s*_]*",
    re.IGNORECASE,
)
# What a chat model writes around a reply: its thoughts, the end of a turn, a code fence.
_TURN = re.compile(r"^\s*<think>.*?</think>|</s>\s*$|<\|[a-z_]{1,20}\|>\s*$", re.DOTALL)
_FENCE = re.compile(r"^```\w*\s*\n(.*?)\n?```$", re.DOTALL)
_ACCORDING = re.compile(
    r"^(?:(?:according to|based on|as (?:stated|mentioned|described|given) in)\s+(?:the\s+)?"
    r"|(?:from|in)\s+the\s+(?=[^:]*$|[^:,]*,))"
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
    r"\s+(?:\[(?:passages?\s+)?\d{1,2}(?:\s*,\s*\d{1,2})*\]|\(passages?\s+\d[^()]{0,20}\))\s*([.]?)$",
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
    text = _TURN.sub("", reply).strip()
    if fenced := _FENCE.match(text):
        text = fenced[1].strip()
    text = _unlabelled(text, question)
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
        if question:
            text = _without_question(text, question)
        text = _ANSWER_IS.sub("", _ACCORDING.sub("", _LABEL.sub("", text))).lstrip()
        if text == before:
            break
    return text


def _without_question(text: str, question: str) -> str:
    """Without the question at the start, and what labels it and the answer then.

    Only where the question has ended: "Paris is the capital" does not repeat the question "Paris".
    """
    repeated = re.match(rf"(?:(?:question|q)\s*:\s*)?{re.escape(question)}", text, re.IGNORECASE)
    rest = text[repeated.end() :] if repeated else None
    if rest is None or not (question.endswith("?") or re.match(r"\s*($|[\n?:])", rest)):
        return text
    return re.sub(r"^a\s*:\s*", "", rest.lstrip(" \t\r\n?:-"), flags=re.IGNORECASE)


def _unwrapped(text: str) -> str:
    """Without quotes or Markdown marks that stand around the whole text."""
    if len(text) > 2 and text[-1] in ".," and text[-2] == _CLOSES.get(text[0]):
        text = text[:-1]  # the full stop after a closing quote
    if len(text) > 1 and _CLOSES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    if text.startswith("**") and text.endswith("**") and len(text) > 4:
        text = text[2:-2].strip()
    return text
