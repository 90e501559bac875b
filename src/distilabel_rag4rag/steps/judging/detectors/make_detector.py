"""From the judge's settings to its detector."""

from typing import TYPE_CHECKING, Any

from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.models.packaged import EMBEDDED, judge_path
from distilabel_rag4rag.steps.judging.detectors.predict_detector import OneByOne, remote_detector

if TYPE_CHECKING:
    from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge

#: How a model that was given as an object stands in a dump.
OBJECT = "object:"
#: Settings that only the batched token classifier knows.
TRANSFORMER_ONLY = (
    "max_length",
    "threshold",
    "precision",
    "evidence_rule",
    "token_budget",
    "taxonomy_head",
)


def check_settings(judge: "LettuceDetectJudge") -> None:
    """Refuses settings that contradict each other.

    Raises:
        DistilabelUserError: naming the setting, what was found and what was expected.
    """
    model = judge.model
    if isinstance(model, str) and model.startswith(OBJECT):
        raise DistilabelUserError(
            f"model={model!r} stands for an object that a saved pipeline cannot hold; expected a "
            "path, a Hub id or that object, set on the loaded step"
        )
    if not isinstance(model, str) and not callable(getattr(model, "predict", None)):
        raise DistilabelUserError(
            f"model is a {type(model).__name__}; expected a path, a Hub id or an object with "
            "LettuceDetect's `predict`"
        )
    if secrets := [
        name for name in judge.detector_kwargs if name.endswith(("key", "token", "secret"))
    ]:
        raise DistilabelUserError(
            f"detector_kwargs holds {secrets}, which saved pipelines would hold too; expected the "
            "environment variable OPENAI_API_KEY"
        )
    fields = type(judge).model_fields
    batched = isinstance(model, str) and judge.method == "transformer"
    unused = [
        name
        for name in (("detector_kwargs",) if batched else TRANSFORMER_ONLY)
        if getattr(judge, name) != fields[name].get_default(call_default_factory=True)
    ]
    if unused:
        shown = model if isinstance(model, str) else type(model).__name__
        raise DistilabelUserError(
            f"{unused} has no effect with model={shown!r} and method={judge.method!r}; expected "
            "the default"
        )


def make_detector(judge: "LettuceDetectJudge") -> Any:
    """What judges: an object with `judge(items)`.

    Raises:
        DistilabelUserError: if a model that is named cannot be loaded.
    """
    if not isinstance(judge.model, str):
        return OneByOne(judge.model)
    if judge.method != "transformer":
        return remote_detector(judge.method, judge.model, judge.lang, judge.detector_kwargs)
    from distilabel_rag4rag.steps.judging.detectors.batch_detector import BatchDetector

    path = judge.model
    if path == EMBEDDED:
        path = judge_path()
    try:
        return BatchDetector(
            path,
            max_length=judge.max_length,
            device=judge.device,
            lang=judge.lang,
            taxonomy_head=judge.taxonomy_head,
            precision=judge.precision,
            threshold=judge.threshold,
            evidence_rule=judge.evidence_rule,
            token_budget=judge.token_budget,
        )
    except OSError as error:  # transformers' own do not name the setting
        raise DistilabelUserError(
            f"model={judge.model!r} could not be loaded; expected 'embedded', a folder or the id "
            "of a LettuceDetect model on the Hub"
        ) from error
