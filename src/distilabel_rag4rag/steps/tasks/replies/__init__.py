"""How the replies of LLMs are read: one function decides, and its parts can be used alone."""

from distilabel_rag4rag.steps.tasks.replies.chat_markup import message_of
from distilabel_rag4rag.steps.tasks.replies.fences import unfenced
from distilabel_rag4rag.steps.tasks.replies.json_replies import object_in
from distilabel_rag4rag.steps.tasks.replies.reading import read_reply
from distilabel_rag4rag.steps.tasks.replies.refusals import MARKER
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError, Reply

__all__ = [
    "MARKER",
    "NoAnswerError",
    "Reply",
    "message_of",
    "object_in",
    "read_reply",
    "unfenced",
]
