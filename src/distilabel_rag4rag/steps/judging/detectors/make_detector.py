"""From the judge's settings to the detector that does the work."""

import re
from collections.abc import Collection
from typing import Any

from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.models.packaged import EMBEDDED, judge_path
from distilabel_rag4rag.steps.judging.detectors.predict_detector import PredictDetector
from distilabel_rag4rag.utils.cache_folder import cache_folder
from distilabel_rag4rag.utils.secrets import secret_names

#: How a model that was given as an object is written in a saved pipeline.
OBJECT_PREFIX = "object:"
#: Settings that only the batched token classifier has.
BATCH_SETTINGS = (
    "max_length",
    "threshold",
    "precision",
    "evidence_rule",
    "token_budget",
    "torch_compile",
    "taxonomy_head",
)
#: Requests to a server that are under way at a time.
CONCURRENT_REQUESTS = 8


def check_settings(
    model: Any, method: str, detector_kwargs: dict[str, Any], changed: Collection[str]
) -> None:
    """Refuses settings that contradict each other.

    Args:
        model, method, detector_kwargs: as in `LettuceDetectJudge`.
        changed: the names of all settings that differ from their defaults.

    Raises:
        DistilabelUserError: naming the setting, what was found and what was expected.
    """
    if isinstance(model, str) and model.startswith(OBJECT_PREFIX):
        raise DistilabelUserError(
            f"model={model!r} stands for an object that a saved pipeline cannot hold; expected a "
            "path, a Hub id or that object, set on the loaded step"
        )
    if not isinstance(model, str) and not callable(getattr(model, "predict", None)):
        raise DistilabelUserError(
            f"model is a {type(model).__name__}; expected a path, a Hub id or an object with "
            "LettuceDetect's `predict`"
        )
    if secrets := secret_names(detector_kwargs):
        raise DistilabelUserError(
            f"detector_kwargs holds {secrets}, which saved pipelines would hold too; expected the "
            "environment variable OPENAI_API_KEY"
        )
    batched = is_batched(model, method)
    without_effect = ("detector_kwargs",) if batched else (*BATCH_SETTINGS, "keep_verdicts")
    if unused := [name for name in without_effect if name in changed]:
        name = model if isinstance(model, str) else type(model).__name__
        raise DistilabelUserError(
            f"{unused} has no effect with model={name!r} and method={method!r}; expected the "
            "default"
        )


def is_batched(model: Any, method: str) -> bool:
    """Whether a token classifier judges; an object or an LLM gives spans alone."""
    return isinstance(model, str) and method == "transformer"


def make_detector(
    model: Any,
    *,
    method: str,
    lang: str,
    detector_kwargs: dict[str, Any],
    device: str | None,
    keep_verdicts: bool = False,
    **batch_settings: Any,
) -> Any:
    """What judges: an object with `judge(items)`.

    Args:
        model, method, lang, detector_kwargs, device, keep_verdicts: as in `LettuceDetectJudge`.
        batch_settings: those of `BATCH_SETTINGS`.

    Raises:
        DistilabelUserError: if a model that is named cannot be loaded.
    """
    if not isinstance(model, str):
        return PredictDetector(model)
    if not is_batched(model, method):
        return PredictDetector(_llm_detector(model, lang, detector_kwargs), CONCURRENT_REQUESTS)
    from distilabel_rag4rag.steps.judging.detectors.batch_detector import BatchDetector

    path = judge_path() if model == EMBEDDED else model
    try:
        detector = BatchDetector(path, lang=lang, device=device, **batch_settings)
    except OSError as error:  # transformers' own do not name the setting
        raise DistilabelUserError(
            f"model={model!r} could not be loaded; expected 'embedded', a folder or the id of a "
            "LettuceDetect model on the Hub"
        ) from error
    if not keep_verdicts:
        return detector
    from distilabel_rag4rag.steps.judging.detectors.kept_verdicts import KeptVerdicts

    return KeptVerdicts(detector, str(path), batch_settings.get("taxonomy_head"))


def _llm_detector(model: str, lang: str, settings: dict[str, Any]) -> Any:
    from distilabel_rag4rag.steps.judging.detectors._compat import StrictLLMDetector

    # LettuceDetect's default is a file in its own package's folder.
    name = re.sub(r"[^\w.-]", "_", f"{model}-{lang}-{settings.get('base_url', '')}.json")
    cache_file = cache_folder() / "lettucedetect" / name
    settings = {"cache_file": str(cache_file), "lang": lang, **settings}
    detector = StrictLLMDetector(model=model, **settings)
    if detector.native:
        raise DistilabelUserError(
            f"model={model!r} is one of LettuceDetect's native generative models, whose unreadable "
            "replies would pass for clean verdicts; expected another LLM, or "
            "detector_kwargs={'native': False}"
        )
    return detector
