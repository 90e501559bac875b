"""Steps that mark rows, and the one that drops them."""

from distilabel_rag4rag.steps.filtering.keep_marked import KeepMarked
from distilabel_rag4rag.steps.filtering.mark import Mark
from distilabel_rag4rag.steps.filtering.mark_answers_question import MarkAnswersQuestion
from distilabel_rag4rag.steps.filtering.mark_duplicate_questions import MarkDuplicateQuestions
from distilabel_rag4rag.steps.filtering.mark_grounded import MarkGrounded
from distilabel_rag4rag.steps.filtering.mark_informative import MarkInformative
from distilabel_rag4rag.steps.filtering.mark_language import MarkLanguage
from distilabel_rag4rag.steps.filtering.mark_question_length import MarkQuestionLength
from distilabel_rag4rag.steps.filtering.mark_round_trip import MarkRoundTrip
from distilabel_rag4rag.steps.filtering.mark_self_contained import MarkSelfContained
from distilabel_rag4rag.steps.filtering.mark_words_supported import MarkWordsSupported

__all__ = [
    "KeepMarked",
    "Mark",
    "MarkAnswersQuestion",
    "MarkDuplicateQuestions",
    "MarkGrounded",
    "MarkInformative",
    "MarkLanguage",
    "MarkQuestionLength",
    "MarkRoundTrip",
    "MarkSelfContained",
    "MarkWordsSupported",
]
