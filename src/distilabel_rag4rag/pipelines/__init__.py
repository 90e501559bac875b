"""Graphs as functions that return an ordinary distilabel Pipeline."""

from distilabel_rag4rag.pipelines import embedded
from distilabel_rag4rag.pipelines.arms import ARMS, gold_context, human, rag4rag, zero_shot

__all__ = ["ARMS", "embedded", "gold_context", "human", "rag4rag", "zero_shot"]
