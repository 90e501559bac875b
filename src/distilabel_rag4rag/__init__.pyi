from . import pipelines
from .comparison import Comparison, compare
from .comparison.retrieval_evaluation import RetrievalEvaluation
from .data.retrieval_data import RetrievalData
from .data.rows import load_passages, load_rows
from .export import Export, check_export, export_training_data
from .hub import PublishError, SafeDistiset, dry_run, publish
from .models.embeddings.embedded_embeddings import EmbeddedEmbeddings
from .models.llms.cached_llm import CachedAsyncLLM, CachedLLM, cached
from .models.llms.embedded_llm import EmbeddedLLM
from .pipelines import embedded
from .review.argilla_review import ArgillaReview
from .runtime.fail_fast_pipeline import FailFastPipeline
from .steps.columns import AnswerFromColumn, CompleteAnswer
from .steps.filtering import (
    KeepMarked,
    Mark,
    MarkAnswersQuestion,
    MarkDuplicateQuestions,
    MarkGrounded,
    MarkInformative,
    MarkLanguage,
    MarkQuestionLength,
    MarkRoundTrip,
    MarkSelfContained,
    MarkWordsSupported,
)
from .steps.generators.load_documents import LoadDocuments
from .steps.generators.load_rows import LoadRows
from .steps.judging.lettuce_detect_judge import LettuceDetectJudge
from .steps.negatives import MineHardNegatives
from .steps.retrieval.faiss_retrieve import FaissRetrieve
from .steps.retrieval.faiss_retrieve_from_rows import FaissRetrieveFromRows
from .steps.tasks.closed_book_answer_generation import ClosedBookAnswerGeneration
from .steps.tasks.grounded_answer_generation import GroundedAnswerGeneration
from .steps.tasks.question_generation import QuestionGeneration
from .steps.tasks.repair_answer import RepairAnswer
from .steps.tasks.zero_shot_answer_generation import ZeroShotAnswerGeneration
from .training.evaluate import evaluate_retrievers
from .training.finetune import finetune
from .training.read_data import read_retrieval_data
from .training.study import Study
from .training.train import Training

__all__ = [
    "AnswerFromColumn",
    "ArgillaReview",
    "CachedAsyncLLM",
    "CachedLLM",
    "ClosedBookAnswerGeneration",
    "Comparison",
    "CompleteAnswer",
    "EmbeddedEmbeddings",
    "EmbeddedLLM",
    "Export",
    "FailFastPipeline",
    "FaissRetrieve",
    "FaissRetrieveFromRows",
    "GroundedAnswerGeneration",
    "KeepMarked",
    "LettuceDetectJudge",
    "LoadDocuments",
    "LoadRows",
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
    "MineHardNegatives",
    "PublishError",
    "QuestionGeneration",
    "RepairAnswer",
    "RetrievalData",
    "RetrievalEvaluation",
    "SafeDistiset",
    "Study",
    "Training",
    "ZeroShotAnswerGeneration",
    "cached",
    "check_export",
    "compare",
    "dry_run",
    "embedded",
    "evaluate_retrievers",
    "export_training_data",
    "finetune",
    "load_passages",
    "load_rows",
    "pipelines",
    "publish",
    "read_retrieval_data",
]
