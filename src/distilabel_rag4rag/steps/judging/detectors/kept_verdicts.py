"""Verdicts that are kept on disk and found again by all that shapes them."""

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from distilabel_rag4rag.steps.judging.detectors.batch_detector import BatchDetector
from distilabel_rag4rag.steps.judging.detectors.items import Item, Verdict
from distilabel_rag4rag.utils.hashing import file_states, hash_of
from distilabel_rag4rag.utils.identity import version_of, with_files
from distilabel_rag4rag.utils.json_store import JsonStore

#: What computes a verdict, beside this package.
PACKAGES = ("lettucedetect", "tokenizers", "torch", "transformers")

log = logging.getLogger("distilabel.kept_verdicts")


class VerdictStore(JsonStore):
    """A folder's table of verdicts, by the key of what shapes them."""

    holds = "verdict"


class KeptVerdicts:
    """A detector that computes no verdict twice.

    A verdict is found again by the judge's files and settings, the kind of device and precision,
    the versions of what computes it, this package's code, and the item. Failures are not kept.

    Args:
        detector: what judges.
        model: its checkpoint, a folder or a Hub id.
        taxonomy_head: likewise, or None.

    Raises:
        OSError: if the store cannot be opened.
    """

    def __init__(self, detector: BatchDetector, model: str, taxonomy_head: str | None) -> None:
        self._detector = detector
        self._store = VerdictStore()
        self._shaped_by = hash_of(
            {
                "model": _content(model),
                "taxonomy_head": _content(taxonomy_head),
                "lang": detector.lang,
                "max_length": detector.max_length,
                "threshold": detector.threshold,
                "evidence_rule": detector.evidence_rule,
                "device": detector.device.type,
                "precision": str(detector.model.dtype),
                "packed": detector.packed,
                "versions": {package: version_of(package) for package in PACKAGES},
                "code": CODE,
            }
        )

    def judge(self, items: Sequence[Item]) -> list[Verdict]:
        """One verdict per item, in order."""
        keys = [hash_of([self._shaped_by, item]) for item in items]
        verdicts = self._kept(keys)
        missing = {key: item for key, item in zip(keys, items, strict=True) if key not in verdicts}
        if missing:
            found = self._detector.judge(list(missing.values()))
            judged = dict(zip(missing, found, strict=True))
            verdicts |= judged
            if whole := {key: v for key, v in judged.items() if v.failure is None}:
                self._store.put_all(whole)
        return [verdicts[key] for key in keys]

    def _kept(self, keys: Sequence[str]) -> dict[str, Verdict]:
        try:
            kept = self._store.get(set(keys))
        except OSError as error:  # the judge itself is well
            log.warning("Answers are judged anew: %s", error)
            return {}
        return {
            key: Verdict(*value)
            for key, value in kept.items()
            if isinstance(value, list) and len(value) == len(Verdict._fields)
        }

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def _content(model: str | None) -> Any:
    """The files of a checkpoint, not of what a training left in folders below it, and those of
    the model that an adapter is for; a Hub id with its commit."""
    if model is None or not (folder := Path(model).expanduser()).is_dir():
        return with_files(model)
    found: list[Any] = [
        file_states(file)
        for file in sorted(folder.iterdir())
        if file.is_file() and not file.name.startswith(".")
    ]
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        adapter = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        found.append(_content(adapter["base_model_name_or_path"]))
    return found


def _code() -> dict[str, str]:
    """The hash of each of this package's source files."""
    package = Path(__file__).parents[3]
    files = sorted(package.rglob("*.py"))
    return {str(file.relative_to(package)): hash_of(file.read_text("utf-8")) for file in files}


#: As it was when it was imported, whatever becomes of the files while a run lasts.
CODE = _code()
