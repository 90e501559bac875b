from . import embedded, pipelines
from .corpus import load_passages, load_rows
from .load import LoadRows
from .retrieve import FaissRetrieve, FaissRetrieveFromRows
from .answer import GroundedAnswerGeneration
from .complete import CompleteAnswer
from .judge import LettuceDetectJudge
from .mark import KeepMarked, Mark, MarkGrounded
from .compare import Comparison, compare
from .failfast import FailFastPipeline
from .generation_cache import cached

__all__ = [
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
    "cached",
    "compare",
    "embedded",
    "load_passages",
    "load_rows",
    "pipelines",
]
