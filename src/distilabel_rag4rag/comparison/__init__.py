"""Compare arms on the same rows: rates with intervals, paired tests, retrieval, the verdict."""

from distilabel_rag4rag.comparison.comparison import Comparison, compare
from distilabel_rag4rag.comparison.result import ArmResult, PairResult
from distilabel_rag4rag.comparison.statistics import Estimate
from distilabel_rag4rag.comparison.table import as_table

__all__ = ["ArmResult", "Comparison", "Estimate", "PairResult", "as_table", "compare"]
