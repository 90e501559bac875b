"""Fenced blocks around an answer."""

import re

from distilabel_rag4rag.schema import NOT_UNDERSTOOD
from distilabel_rag4rag.steps.tasks.replies.chat_markup import has_word
from distilabel_rag4rag.steps.tasks.replies.context import Context
from distilabel_rag4rag.steps.tasks.replies.passages import words
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError
from distilabel_rag4rag.steps.tasks.replies.sections import introduces, label_of, without_closing

_NOTHING_ASKED = Context()

_FENCE = re.compile(r"[ \t>]{0,6}(`{3,}|~{3,}|\"{3,}|'{3,})[ \t]*([^`\n]*?)[ \t]*(\1)?")
_LANGUAGE = re.compile(
    r"(?:json|text|txt|plain(?:text)?|markdown|md|ya?ml|xml|html|python|latex|none|csv|answer|output)\b\s*",
    re.IGNORECASE,
)


def unfenced(text: str, context: Context = _NOTHING_ASKED) -> str:
    """The content of the fenced block of a text, where what is around it only leads to it.

    A fence that is not closed goes to the end.
    """
    lines = text.split("\n")
    fences = [
        (n, found) for n, line in enumerate(lines) if (found := _FENCE.fullmatch(line.rstrip()))
    ]
    if not fences:
        return text
    first, opening = fences[0]
    before = "\n".join(lines[:first])
    if not introduces(before):
        labels = [label for line in lines if (label := label_of(line))]
        if any(label.kind != "aside" for label in labels):
            return "\n".join(line for line in lines if not _FENCE.fullmatch(line.rstrip()))
        return before
    if opening[3]:  # ```Torgau```
        end, inside = first, _LANGUAGE.sub("", opening[2], count=1) or opening[2]
    else:
        end = next(
            (n for n, found in fences[1:] if found[1].startswith(opening[1]) and not found[2]),
            len(lines),
        )
        inside = "\n".join(lines[first + 1 : end])
        if not has_word(inside) and not _LANGUAGE.fullmatch(opening[2]):
            inside = opening[2]
    after = without_closing("\n".join(lines[end + 1 :]).strip(), context)
    if has_word(after) and _differ(inside, after):
        raise NoAnswerError(NOT_UNDERSTOOD)
    return inside


def _differ(inside: str, after: str) -> bool:
    """Whether it cannot be said if a block or what follows it is the answer."""
    short = words(after.strip().partition("\n")[0])
    return "```" in after or "~~~" in after or f" {short} " in f" {words(inside)} " != f" {short} "
