"""The README of an export, from which `datasets.load_dataset` learns what there is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from distilabel_rag4rag.data.splits import SPLITS


def write_card(folder: Path, formats: Mapping[str, tuple[str, Mapping[str, int]]]) -> None:
    """Writes `README.md`.

    Args:
        folder: of the export.
        formats: format -> what it is, and its rows by split.
    """
    # `load_dataset` takes one kind of files from a folder: configs are those in parquet.
    configs = [
        _config(name, counts) for name, (_, counts) in formats.items() if name not in _OTHERS
    ]
    head = yaml.safe_dump({"configs": configs}, sort_keys=False) if configs else ""
    lines = [f"| {name} | {_cells(counts)} | {what} |" for name, (what, counts) in formats.items()]
    calls = [f'load_dataset(folder, "{config["config_name"]}")' for config in configs]
    calls += [line for name in formats for line in _OTHERS.get(name, ())]
    folder.joinpath("README.md").write_text(
        f"---\n{head}---\n\n# Training data\n\n"
        f"| folder | {' | '.join(SPLITS)} | what |\n|---|---|---|---|---|\n"
        + "\n".join(lines)
        + '\n\n```python\nfrom datasets import load_dataset\n\nfolder = "path/to/this/folder"\n'
        + "\n".join(calls)
        + "\n```\n",
        "utf-8",
    )


def _cells(counts: Mapping[str, int]) -> str:
    return " | ".join(f"{counts.get(split, 0):,}" for split in SPLITS)


def _config(name: str, counts: Mapping[str, int]) -> dict[str, Any]:
    files = [{"split": split, "path": f"{name}/{split}.parquet"} for split in counts]
    return {"config_name": name, "data_files": files}


#: How files that are not parquet are loaded.
_OTHERS = {
    "beir": (
        'load_dataset("json", data_files=f"{folder}/beir/corpus.jsonl", split="train")',
        'load_dataset("json", data_files=f"{folder}/beir/queries.jsonl", split="train")',
        'load_dataset("csv", data_files=f"{folder}/beir/qrels/*.tsv", sep="\\t", split="train")',
    ),
    "lettucedetect": (
        'load_dataset("json", data_files=f"{folder}/lettucedetect/training.json", split="train")',
    ),
}
