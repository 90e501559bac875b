from . import embedded, pipelines
from .answer import GroundedAnswerGeneration
from .compare import Comparison, compare
from .complete import AnswerFromColumn, CompleteAnswer
from .corpus import load_passages, load_rows
from .failfast import FailFastPipeline
from .generation_cache import cached
from .judge import LettuceDetectJudge
from .load import LoadRows
from .mark import KeepMarked, Mark, MarkGrounded
from .publish import PublishError, SafeDistiset, dry_run, publish
from .retrieve import FaissRetrieve, FaissRetrieveFromRows
from .review.step import ArgillaReview

__all__ = [
    "AnswerFromColumn",
    "ArgillaReview",
    "Comparison",
    "CompleteAnswer",
    "FailFastPipeline",
    "FaissRetrieve",
    "FaissRetrieveFromRows",
    "GroundedAnswerGeneration",
    "KeepMarked",
    "LettuceDetectJudge",
    "LoadRows",
    "Mark",
    "MarkGrounded",
    "PublishError",
    "SafeDistiset",
    "cached",
    "compare",
    "dry_run",
    "embedded",
    "load_passages",
    "load_rows",
    "pipelines",
    "publish",
]
