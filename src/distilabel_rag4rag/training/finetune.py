"""Fine-tunes a SentenceTransformer with sentence-transformers' trainer."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilabel_rag4rag.data.retrieval_data import RetrievalData
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.training.models import is_static
from distilabel_rag4rag.training.settings import DISTILLING, TrainingSettings

if TYPE_CHECKING:
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer

#: Told after each step how many of how many are done.
Watch = Callable[[int, int], None]

TRANSFORMER_RATE, STATIC_RATE = 2e-5, 3e-3
#: Of a cosine, in losses that compare distributions; the scale of MultipleNegativesRankingLoss.
TEMPERATURE = 0.05
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class TrainingRun:
    """How a training went.

    Attributes:
        rows: rows that were trained on.
        steps: steps that were made; with an early end fewer than planned.
        seconds: of training, checks included.
        checks: step -> nDCG@10 on validation; step 0 is the model as it was. Empty without checks.
        best_step: of the model that was taken.
        losses: step -> loss.
    """

    rows: int
    steps: int
    seconds: float
    checks: dict[int, float] = field(default_factory=dict)
    best_step: int | None = None
    losses: dict[int, float] = field(default_factory=dict)


def finetune(
    model: "SentenceTransformer",
    rows: "Dataset",
    settings: TrainingSettings,
    out: Path,
    *,
    validation: RetrievalData | None = None,
    watch: Watch | None = None,
    seed: int | None = None,
) -> TrainingRun:
    """Trains a model in place.

    Args:
        model: any SentenceTransformer, static ones too.
        rows: `anchor`, `positive`, negatives in any number of columns, and `score`, the scores of
            the positive and of each negative, for losses that learn them.
        settings: how.
        out: for the models that are kept on the way, in `checkpoints`.
        validation: what to look at on the way; without it the last model is taken.
        watch: called after each step.
        seed: of the order of the rows; by default that of the settings.

    Raises:
        ConfigError: if the rows lack what the loss needs.
    """
    import torch
    from sentence_transformers import SentenceTransformerTrainer
    from transformers import EarlyStoppingCallback, PrinterCallback

    from distilabel_rag4rag.training.trainer_parts import StepCallback, ValidationEvaluator

    rows = _columns(rows, settings)
    _freeze(model, settings)
    evaluator = None
    if validation is not None and settings.checks:
        evaluator = ValidationEvaluator(validation, settings.encode_batch_size)
    callbacks: list[Any] = [StepCallback(watch)]
    if evaluator is not None:
        callbacks.append(EarlyStoppingCallback(settings.patience))
    # A text for the card, which ours replaces; without one the trainer embeds some.
    model.model_card_data.widget = [{"text": "-"}]
    seed = settings.seed if seed is None else seed
    torch.manual_seed(seed)
    begin = time.monotonic()
    before = None if evaluator is None else evaluator.measure(model)
    trainer = SentenceTransformerTrainer(
        model,
        _arguments(model, len(rows), settings, out, seed, evaluator is not None),
        train_dataset=rows,
        loss=_loss(model, settings),
        evaluator=evaluator,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=_last_checkpoint(out) if settings.resume else None)
    return _run(trainer.state, len(rows), time.monotonic() - begin, before)


def _columns(rows: "Dataset", settings: TrainingSettings) -> "Dataset":
    """The columns that the loss takes, in its order."""
    texts = [name for name in rows.column_names if name not in ("anchor", "positive", "score")]
    kept = ["anchor", "positive", *texts]
    if settings.loss in DISTILLING:
        if "score" not in rows.column_names or not texts:
            raise ConfigError(
                "data",
                settings.files,
                f"rows with negatives and scores, which {settings.loss} learns from",
                "Give `scores`, or a `teacher` for tuples.",
            )
        kept.append("score")
    return rows.select_columns(kept)


def _freeze(model: "SentenceTransformer", settings: TrainingSettings) -> None:
    if settings.freeze_embeddings and not is_static(model):
        transformer: Any = model[0].auto_model
        transformer.get_input_embeddings().requires_grad_(False)


def _loss(model: "SentenceTransformer", settings: TrainingSettings) -> Any:
    from sentence_transformers.losses import (
        CachedMultipleNegativesRankingLoss,
        DistillKLDivLoss,
        MarginMSELoss,
        MatryoshkaLoss,
        MultipleNegativesRankingLoss,
    )
    from sentence_transformers.util import pairwise_cos_sim

    made: Any
    if settings.loss == "multiple_negatives":
        made = MultipleNegativesRankingLoss(model)
    elif settings.loss == "cached_multiple_negatives":
        if is_static(model):
            raise ConfigError(
                "loss", settings.loss, "multiple_negatives", "Static models need no cache."
            )
        made = CachedMultipleNegativesRankingLoss(model, mini_batch_size=settings.mini_batch_size)
    elif settings.loss == "margin_mse":
        made = MarginMSELoss(model, similarity_fct=pairwise_cos_sim)
    else:
        made = DistillKLDivLoss(model, similarity_fct=pairwise_cos_sim, temperature=TEMPERATURE)
    if not settings.matryoshka:
        return made
    size = len(model.encode("", show_progress_bar=False))
    dims = sorted({size, *settings.matryoshka}, reverse=True)
    if dims[0] > size or dims[-1] < 1:
        raise ConfigError("matryoshka", settings.matryoshka, f"sizes from 1 to {size}")
    return MatryoshkaLoss(model, made, dims)


def _arguments(
    model: "SentenceTransformer",
    rows: int,
    settings: TrainingSettings,
    out: Path,
    seed: int,
    checked: bool,
) -> Any:
    import torch
    from sentence_transformers.training_args import SentenceTransformerTrainingArguments

    rate = settings.learning_rate or (STATIC_RATE if is_static(model) else TRANSFORMER_RATE)
    steps = ceil(rows / settings.batch_size)
    epochs = settings.epochs_of(rows)
    total = ceil(steps * epochs)
    every = max(1, steps // settings.checks) if settings.checks else steps
    distilling = settings.loss in DISTILLING
    on_cpu = model.device.type == "cpu"
    return SentenceTransformerTrainingArguments(
        str(out / CHECKPOINTS),
        num_train_epochs=epochs,
        learning_rate=rate,
        # The first step of a warm-up has the rate 0: of few steps it would be a large part.
        warmup_steps=ceil(0.1 * total) if total >= 10 else 0,
        per_device_train_batch_size=settings.batch_size,
        # Scores stand in the row: another row with the same text does no harm.
        batch_sampler="batch_sampler" if distilling else "no_duplicates",
        prompts=_prompts(model, rows),
        eval_strategy="steps" if checked else "no",
        eval_steps=every,
        save_strategy="steps" if settings.checks else "no",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=checked,
        metric_for_best_model="eval_ndcg" if checked else None,
        greater_is_better=True if checked else None,
        logging_steps=max(1, total // 20),
        seed=seed,
        bf16=settings.precision == "bfloat16",
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu and torch.cuda.is_available(),
        disable_tqdm=True,
        report_to="none",
    )


def _prompts(model: "SentenceTransformer", rows: Any) -> dict[str, str] | None:
    """The model's own prompts for queries and passages, as evaluation uses them."""
    known = {name: text for name, text in (model.prompts or {}).items() if text}
    if not known:
        return None
    query, passage = known.get("query", ""), known.get("document", known.get("passage", ""))
    return {"anchor": query, "positive": passage}


def _last_checkpoint(out: Path) -> str | None:
    """The folder of the last model that was kept; None where there is none."""
    from transformers.trainer_utils import get_last_checkpoint

    folder = out / CHECKPOINTS
    return get_last_checkpoint(str(folder)) if folder.is_dir() else None


def _run(state: Any, rows: int, seconds: float, before: float | None) -> TrainingRun:
    checks = {} if before is None else {0: before}
    losses = {}
    for entry in state.log_history:
        if "eval_ndcg" in entry:
            checks[int(entry["step"])] = float(entry["eval_ndcg"])
        if "loss" in entry:
            losses[int(entry["step"])] = float(entry["loss"])
    trained = {step: value for step, value in checks.items() if step}
    best = max(trained, key=lambda step: (trained[step], -step)) if trained else None
    return TrainingRun(rows, int(state.global_step), round(seconds, 2), checks, best, losses)
