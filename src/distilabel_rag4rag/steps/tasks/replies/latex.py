"""Answers in LaTeX."""

import re

from distilabel_rag4rag.schema import NOT_UNDERSTOOD
from distilabel_rag4rag.steps.tasks.replies.context import Context
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError

_LATEX = re.compile(
    r"\\(?:boxed|text|textbf|textit|mathrm|mathbf|fbox|mbox|emph)\s?\{([^{}]{0,2000})\}"
)
_BOXED = re.compile(r"\\(?:boxed|fbox)\s?\{([^{}]{0,2000})\}")


def from_latex(text: str, context: Context) -> str:
    """What stands in a box, and text without its commands."""
    if "\\" in text:
        unnested = re.sub(
            r"\\(?:text|textbf|textit|mathrm|mathbf|mbox|emph)\s?\{([^{}]{0,2000})\}", r"\1", text
        )
        if boxed := dict.fromkeys(_BOXED.findall(unnested)):
            if len(boxed) > 1:
                raise NoAnswerError(NOT_UNDERSTOOD)
            return next(iter(boxed))
        text = _LATEX.sub(r"\1", unnested)
        text = re.sub(r"^\\[(\[]\s{0,3}(.{1,500}?)\s{0,3}\\[)\]]$", r"\1", text, flags=re.DOTALL)
    return re.sub(r"^(\${1,2})([^$\n]{1,500})\1([.]?)$", r"\2\3", text)
