"""How the replies of LLMs are read: one function decides, and its parts can be used alone."""

from distilabel_rag4rag.steps.tasks.replies.chat_markup import message_of
from distilabel_rag4rag.steps.tasks.replies.reading import read_reply
from distilabel_rag4rag.steps.tasks.replies.refusals import MARKER
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError, Reply
from distilabel_rag4rag.steps.tasks.replies.structure import object_in, unfenced

__all__ = [
    "MARKER",
    "NoAnswerError",
    "Reply",
    "message_of",
    "object_in",
    "read_reply",
    "unfenced",
]
