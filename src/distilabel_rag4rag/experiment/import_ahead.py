"""What the workers of all arms import, imported once, before the first of them is forked.

Importing starts no computation: workers that are forked afterwards compute as if they had
imported for themselves, some seconds sooner each.
"""

import importlib
import multiprocessing
import os
from contextlib import suppress

_JUDGE = (
    "torch",
    "transformers.models.bert.modeling_bert",
    "distilabel_rag4rag.steps.judging.detectors.kept_verdicts",
)
_RETRIEVAL = ("faiss", "sentence_transformers")
#: torch then looks for GPUs in a way that leaves them usable in forked processes.
_GPU_CHECK = "PYTORCH_NVML_BASED_CUDA_CHECK"


def import_ahead(retrieves: bool) -> None:
    """Import what a judge needs, and what retrieval needs; nothing where workers do not fork.

    Args:
        retrieves: whether an arm retrieves.
    """
    if multiprocessing.get_start_method() != "fork":
        return
    os.environ.setdefault(_GPU_CHECK, "1")
    for module in (*_JUDGE, *(_RETRIEVAL if retrieves else ())):
        with suppress(ImportError):  # the step that needs it says what to install
            importlib.import_module(module)
