"""Steps that bring answers into the columns that all later steps read."""

from distilabel_rag4rag.steps.columns.answer_from_column import AnswerFromColumn
from distilabel_rag4rag.steps.columns.complete_answer import CompleteAnswer

__all__ = ["AnswerFromColumn", "CompleteAnswer"]
