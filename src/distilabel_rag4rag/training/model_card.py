"""The card of a fine-tuned retriever: data, settings, figures and what it was compared with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from distilabel_rag4rag.comparison import formatting
from distilabel_rag4rag.comparison.rankings import MEASURES
from distilabel_rag4rag.comparison.retrieval_evaluation import RetrievalEvaluation
from distilabel_rag4rag.models.packaged import EMBEDDED
from distilabel_rag4rag.report.write_evaluation_report import describe_data, describe_pair
from distilabel_rag4rag.training.models import STATIC
from distilabel_rag4rag.utils.templates import markdown_templates

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
#: Settings that say nothing of the model.
_OTHERS = ("source", "models", "device", "resume", "evaluate_on", "encode_batch_size")


def write_model_card(
    folder: Path, record: Mapping[str, Any], evaluations: Sequence[RetrievalEvaluation]
) -> None:
    """Writes the model's README.md.

    Args:
        folder: of the model.
        record: of the training: `settings`, `data`, `run`.
        evaluations: its figures.
    """
    settings = record["settings"]
    (model,) = settings["models"]
    base = (
        MINILM if model in (EMBEDDED, STATIC) else Path(model).name if _is_local(model) else model
    )
    head = {
        "library_name": "sentence-transformers",
        "pipeline_tag": "sentence-similarity",
        "tags": ["sentence-transformers", "feature-extraction", "distilabel", "rag4rag"],
    }
    if not _is_local(model):
        head["base_model"] = base
    environment = markdown_templates("distilabel_rag4rag.training")
    environment.filters["number"] = formatting.number
    text = environment.get_template("model_card.md.j2").render(
        base=f"the token table of {base}" if model == STATIC else base,
        record=record,
        run=record["run"],
        settings={
            name: value
            for name, value in settings.items()
            if name not in _OTHERS and value is not None
        },
        measures=MEASURES,
        evaluations=[
            (evaluation, describe_data(evaluation), [describe_pair(p) for p in evaluation.pairs])
            for evaluation in evaluations
        ],
        head=Markup(yaml.safe_dump(head, sort_keys=False)),
    )
    (folder / "README.md").write_text(text, "utf-8")


def _is_local(model: str) -> bool:
    return model not in (EMBEDDED, STATIC) and Path(model).exists()
