"""Steps that mark rows, and the one that drops them."""

from distilabel_rag4rag.steps.filtering.keep_marked import KeepMarked
from distilabel_rag4rag.steps.filtering.mark import Mark
from distilabel_rag4rag.steps.filtering.mark_grounded import MarkGrounded

__all__ = ["KeepMarked", "Mark", "MarkGrounded"]
