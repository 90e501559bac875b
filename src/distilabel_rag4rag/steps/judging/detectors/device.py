"""What a checkpoint and the hardware allow: precision, window, memory."""

import gc

import numpy as np
import torch

LETTUCEDETECT_MAX_LENGTH = 4096


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The dtype of a precision setting.

    "auto" is bfloat16 where the hardware computes in it: GPUs, and CPUs with AMX or AVX512-BF16.
    """
    if precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device.type == "cpu" and any(
            getattr(torch.cpu, name, bool)()
            for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        )
    return torch.bfloat16 if native else torch.float32


def longest_window(model: torch.nn.Module, tokenizer_max_length: int) -> int:
    """The most tokens that a model takes; LettuceDetect's 4096 crashes on a BERT of 512."""
    limits = [tokenizer_max_length, getattr(model.config, "max_position_embeddings", 10**9)]
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            # RoBERTa and its kin number positions from the padding index on.
            used = 0 if module.padding_idx is None else module.padding_idx + 1
            limits.append(module.num_embeddings - used)
    return int(min(limits))


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out; torch's CPU allocator raises a plain RuntimeError."""
    kinds = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or "can't allocate memory" in str(error)


def free_memory() -> None:
    """Gives back what no tensor holds any longer."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


class HostCopy:
    """A tensor on its way to main memory.

    Asked for later, the copy would wait for all that the device was given to do in between.
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        self._copy = tensor.to("cpu", non_blocking=tensor.is_cuda)
        self._done = (
            torch.cuda.current_stream(tensor.device).record_event() if tensor.is_cuda else None
        )

    def array(self) -> np.ndarray:
        """The values, as soon as they are there."""
        if self._done is not None:
            self._done.synchronize()
        return self._copy.numpy()
