"""Graphs as functions that return an ordinary distilabel Pipeline."""

from distilabel_rag4rag.pipelines import embedded
from distilabel_rag4rag.pipelines.arms import ARMS, gold_context, human, rag4rag, zero_shot
from distilabel_rag4rag.pipelines.build import build, select

__all__ = ["ARMS", "build", "embedded", "gold_context", "human", "rag4rag", "select", "zero_shot"]
