"""What is known of a reply besides its text."""

from dataclasses import dataclass, field

from distilabel_rag4rag.steps.tasks.replies.passages import Passages


@dataclass(frozen=True)
class Context:
    """What was asked.

    Attributes:
        question: the question, on one line.
        passages: what the answer may come from.
        short: whether a few words were asked for, rather than a sentence.
    """

    question: str = ""
    passages: Passages = field(default_factory=lambda: Passages(()))
    short: bool = True
