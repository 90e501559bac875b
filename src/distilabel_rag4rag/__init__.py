"""Grounded fine-tuning data for retrievers, as distilabel steps. Names in the order of the data."""

from distilabel_rag4rag import embedded
from distilabel_rag4rag.corpus import load_passages, load_rows
from distilabel_rag4rag.load import LoadRows
from distilabel_rag4rag.retrieve import FaissRetrieve, FaissRetrieveFromRows
from distilabel_rag4rag.answer import GroundedAnswerGeneration  # isort: skip
from distilabel_rag4rag.complete import CompleteAnswer  # isort: skip
from distilabel_rag4rag.judge import LettuceDetectJudge  # isort: skip
from distilabel_rag4rag.mark import KeepMarked, Mark, MarkGrounded  # isort: skip

__all__ = [
    "CompleteAnswer",
    "FaissRetrieve",
    "FaissRetrieveFromRows",
    "GroundedAnswerGeneration",
    "KeepMarked",
    "LettuceDetectJudge",
    "LoadRows",
    "Mark",
    "MarkGrounded",
    "embedded",
    "load_passages",
    "load_rows",
]
