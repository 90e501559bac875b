"""What there is to publish: a folder of `compare`, a saved Distiset, or objects in memory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.data.run_folder import RUN_FILE, SUMMARY_FILE, RunFolder
from distilabel_rag4rag.hub.configs import (
    Config,
    own_parts,
    plain_configs,
    run_configs,
    stable,
    table_of,
)
from distilabel_rag4rag.schema import RAG4RAG, REPAIRED

if TYPE_CHECKING:
    import pyarrow as pa

#: Columns by which rows are those of a comparison.
_RUN_COLUMNS = (
    *("arm", "id", "passage_id", "title", "context", "question", "human_answer", "answer"),
    *("hallucinated_spans", "hallucination_score", "keep_row_after_grounding"),
)


@dataclass
class Publication:
    """Everything that a publication is made of.

    Attributes:
        configs: the products, by name.
        default: the config that is loaded when none is named.
        arms: the configs that are arms.
        summary: what the comparison found; empty for other data.
        run: how the rows were made; may be empty.
        plots: file name -> PNG.
        texts: path in the repository -> text, to be scanned: pipelines, logs, run.json.
        notes: what was left out, and why.
        by_document: whether the splits were made here, by document.
        sample_world: whether the passages are the package's own invented ones.
    """

    configs: dict[str, Config]
    default: str
    arms: list[str] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    plots: dict[str, bytes] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    citations: list[str] = field(default_factory=list)
    by_document: bool = True
    sample_world: bool = False


def collect(source: Any, configs: list[str] | None = None) -> Publication:
    """Reads a source.

    Args:
        source: a folder of `compare`; a folder saved by `datasets` or by a Distiset; a Distiset,
            DatasetDict or Dataset.
        configs: the names of the configs to publish; None for all but `notebook`.

    Raises:
        DistilabelUserError: if it is none of these, holds no rows, or names clash.
    """
    if isinstance(source, str | Path):
        folder = Path(source).expanduser()
        if RunFolder(folder).has_rows:
            if RunFolder(folder).is_of_build:
                raise DistilabelUserError(
                    f"source: found {folder}, a folder of build; expected a folder of compare."
                    " Send its export with datasets: load_dataset(FOLDER/export,"
                    ' "pairs").push_to_hub(...)'
                )
            return _from_run_folder(RunFolder(folder), configs)
        source = _load_saved(folder)
    return _from_datasets(source, configs)


def _from_run_folder(files: RunFolder, configs: list[str] | None) -> Publication:
    folder = files.path
    publication = _from_rows(files.rows(), files.summary(), configs)
    publication.run = files.run()
    settings = publication.run.get("settings", {})
    publication.sample_world = "source" in settings and settings["source"] is None
    plots = sorted((folder / "plots").glob("*.png"), key=lambda path: (_rank(path.name), path))
    publication.plots = {path.name: path.read_bytes() for path in plots}
    names = [name for name in (RUN_FILE, SUMMARY_FILE) if (folder / name).is_file()]
    names += [f"pipelines/{path.name}" for path in sorted((folder / "pipelines").glob("*.yaml"))]
    publication.texts |= {f"run/{name}": (folder / name).read_text("utf-8") for name in names}
    return publication


def _from_rows(
    rows: "pa.Table",
    summary: dict[str, Any],
    configs: list[str] | None,
    own_splits: list[str] | None = None,
) -> Publication:
    """Rows of arms; without a summary they are compared here."""
    plots: dict[str, bytes] = {}
    if not summary and rows.num_rows:
        from distilabel_rag4rag.comparison import compare
        from distilabel_rag4rag.report.charts import as_png, draw_charts, style

        comparison = compare(rows)
        summary = comparison.to_dict()
        with style():
            plots = {f"{name}.png": as_png(c) for name, c in draw_charts(comparison).items()}
    verdict = summary.get("verdict", {})
    candidate = verdict.get("candidate", RAG4RAG)
    found, arms, default = run_configs(rows, candidate, configs, own_splits)
    publication = Publication(found, default, arms, summary, plots=plots)
    publication.texts["run/summary.json"] = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
    run_arms = [name for name in summary.get("arms", {}) if name != REPAIRED]
    with_rows = rows["arm"].unique().to_pylist()
    publication.notes += [f"The arm {arm} has no rows." for arm in run_arms if arm not in with_rows]
    left = [arm for arm in run_arms if arm in with_rows and arm not in arms]
    if left:
        note = f"Not published: the rows of {', '.join(left)}."
        more = "" if arms else " Without an arm, rag4rag report has nothing to draw from here."
        publication.notes.append(note + more)
    return publication


def _from_datasets(source: Any, configs: list[str] | None) -> Publication:
    from datasets import Dataset, DatasetDict

    if isinstance(source, Dataset | DatasetDict):
        source = {"default": source}
    if not isinstance(source, Mapping) or not source:
        raise DistilabelUserError(
            f"source: found {type(source).__name__}, expected a folder of `rag4rag compare`, a"
            " folder saved by a Distiset or by datasets, a Distiset, a DatasetDict or a Dataset."
        )
    for name, value in source.items():
        if not isinstance(value, Dataset | DatasetDict):
            found = type(value).__name__
            raise DistilabelUserError(f"source: '{name}' is a {found}, expected a Dataset.")
    publication = _from_arm_rows(source, configs)
    if publication is None:
        parts, notes = plain_configs(source, configs)
        default = "default" if "default" in parts else next(iter(parts))
        publication = Publication(parts, default, notes=notes)
        publication.by_document = any(None in own_parts(value) for value in source.values())
    _add_files(publication, source)
    return publication


def _from_arm_rows(source: Mapping[str, Any], configs: list[str] | None) -> Publication | None:
    """Rows of a comparison that stand in a dataset; None for other rows."""
    import pyarrow as pa

    notes: list[str] = []
    parts = own_parts(next(iter(source.values())))
    columns = [set(part.column_names) for part in parts.values()]
    if len(source) > 1 or not all(set(_RUN_COLUMNS) <= names for names in columns):
        return None
    name = next(iter(source))
    tables = {split: stable(table_of(part, name, notes)) for split, part in parts.items()}
    rows = pa.concat_tables(tables.values(), promote_options="permissive")
    own = [split for split, table in tables.items() if split for _ in range(table.num_rows)]
    publication = _from_rows(rows, {}, configs, own)
    publication.by_document = not own
    publication.notes += notes + (
        ["The splits are as they came, not made by document."] if own else []
    )
    return publication


def _add_files(publication: Publication, distiset: Any) -> None:
    """What distilabel keeps beside the rows; artifacts may hold anything and stay here."""
    for name in ("pipeline_path", "log_filename_path"):
        path = getattr(distiset, name, None)
        if path is not None and Path(path).is_file():
            kind = "pipeline.yaml" if name == "pipeline_path" else "pipeline.log"
            publication.texts[f"run/{kind}"] = Path(path).read_text("utf-8", errors="replace")
    if getattr(distiset, "artifacts_path", None):
        publication.notes.append("The artifacts of the pipeline's steps are left out.")
    publication.citations = list(getattr(distiset, "citations", None) or [])


def _rank(plot: str) -> int:
    """The plots in the order in which the report shows them."""
    known = ("hallucination_rate", "grounded_rate", "f1", "paired", "thresholds", "scores")
    name = plot.removesuffix(".png")
    return known.index(name) if name in known else len(known)


def _load_saved(folder: Path) -> Any:
    from datasets import load_from_disk
    from distilabel.distiset import Distiset

    if (folder / "state.json").exists() or (folder / "dataset_dict.json").exists():
        return load_from_disk(str(folder))
    if any(folder.glob("*/dataset_dict.json")) or any(folder.glob("*/state.json")):
        return Distiset.load_from_disk(folder)
    raise DistilabelUserError(
        f"source: found '{folder}', expected a folder with the rows.parquet of `rag4rag compare`,"
        " or one saved by a Distiset or by datasets."
    )
