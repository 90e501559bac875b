"""Verdicts that are kept on disk and found again by all that shapes them."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from distilabel_rag4rag.steps.judging.detectors.batch_detector import BatchDetector
from distilabel_rag4rag.steps.judging.detectors.items import Item, Verdict
from distilabel_rag4rag.utils.hashing import hash_of
from distilabel_rag4rag.utils.identity import with_files
from distilabel_rag4rag.utils.json_store import JsonStore

#: What computes a verdict, beside this package.
PACKAGES = ("lettucedetect", "tokenizers", "torch", "transformers")


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
    """

    def __init__(self, detector: BatchDetector, model: str, taxonomy_head: str | None) -> None:
        self._detector = detector
        self._store = VerdictStore()
        self._shaped_by = hash_of(
            {
                "model": with_files(model),
                "taxonomy_head": with_files(taxonomy_head),
                "lang": detector.lang,
                "max_length": detector.max_length,
                "threshold": detector.threshold,
                "evidence_rule": detector.evidence_rule,
                "device": detector.device.type,
                "precision": str(detector.model.dtype),
                "versions": {package: version(package) for package in PACKAGES},
                "code": _code(),
            }
        )

    def judge(self, items: Sequence[Item]) -> list[Verdict]:
        """One verdict per item, in order."""
        keys = [hash_of([self._shaped_by, item]) for item in items]
        verdicts = {
            key: Verdict(*kept)
            for key, kept in self._store.get(set(keys)).items()
            if isinstance(kept, list) and len(kept) == len(Verdict._fields)
        }
        missing = {key: item for key, item in zip(keys, items, strict=True) if key not in verdicts}
        judged = self._detector.judge(list(missing.values())) if missing else []
        for key, verdict in zip(missing, judged, strict=True):
            verdicts[key] = verdict
            if verdict.failure is None:
                self._store.put(key, verdict)
        return [verdicts[key] for key in keys]


@cache
def _code() -> dict[str, Any]:
    """The hash of each of this package's source files."""
    package = Path(__file__).parents[3]
    files = sorted(package.rglob("*.py"))
    return {str(file.relative_to(package)): hash_of(file.read_text("utf-8")) for file in files}
