"""The arms of a run as rows to train on: the question with its passage, and with its answer."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from distilabel_rag4rag.data.identity import normalised
from distilabel_rag4rag.data.run_folder import RunFolder
from distilabel_rag4rag.schema import HUMAN, keep_column
from distilabel_rag4rag.training.placebos import TrainingSet
from distilabel_rag4rag.utils.text import has_text

PASSAGE, ANSWER = ": passage", ": answer"
GROUNDING = keep_column("grounding")


def arm_sets(source: Path, questions: Collection[str]) -> list[TrainingSet]:
    """Two sets of rows for each arm of a run, of the questions that may be trained on.

    `ARM: passage` has the questions whose answer in this arm is grounded (human answers all count),
    each with its source passage; `ARM: answer` each answered question with the answer, the form in
    which such data was published.

    Args:
        source: the folder of the run; without rows there are no arms.
        questions: the questions of the training split.
    """
    folder = RunFolder(source)
    if not folder.has_rows:
        return []
    wanted = {normalised(question) for question in questions}
    by_arm: dict[str, list[dict[str, Any]]] = {}
    for row in folder.rows().to_pylist():
        if has_text(row.get("question")) and normalised(row["question"]) in wanted:
            by_arm.setdefault(str(row["arm"]), []).append(row)
    sets = [found for arm, rows in by_arm.items() for found in _sets(arm, rows) if found.pairs]
    if len(by_arm) == 1:  # a build's passages are the data
        return [found for found in sets if found.name.endswith(ANSWER)]
    return sets


def _sets(arm: str, rows: Iterable[dict[str, Any]]) -> list[TrainingSet]:
    answered = [row for row in rows if has_text(row.get("answer"))]
    grounded = [row for row in answered if arm == HUMAN or row.get(GROUNDING)]
    return [
        TrainingSet(
            f"{arm}{PASSAGE}",
            "question with a grounded answer, passage",
            [(row["question"], row["context"]) for row in grounded if has_text(row["context"])],
            is_data=True,
        ),
        TrainingSet(
            f"{arm}{ANSWER}",
            "question, answer",
            [(row["question"], row["answer"]) for row in answered],
            is_data=True,
        ),
    ]


def export_run(source: Path, out: Path) -> Path:
    """The folder to train from: an export of the questions of a comparison, which has none.

    Args:
        source: the folder of a comparison, which is exported in splits; any other is given back.
        out: where the export goes; an earlier one is taken as it is.
    """
    from distilabel_rag4rag.export import export_training_data

    if not RunFolder(source).has_rows or (source / "export").is_dir():
        return source
    if not out.exists():
        rows: dict[str, dict[str, Any]] = {}
        for row in RunFolder(source).rows().to_pylist():
            rows.setdefault(row["id"], row)
        formats = ["pairs", "beir"]
        export_training_data(list(rows.values()), [], out, formats=formats, checks=[])
    return out
