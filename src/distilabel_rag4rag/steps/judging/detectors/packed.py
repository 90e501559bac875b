"""Forward passes without padding: the rows of a batch lie behind each other in one long row.

Each row sees itself alone, through the flash attention that torch brings for rows of different
lengths. transformers' own way there needs the package flash-attn, and its way without that one
writes out a mask of rows x length x length for every layer of local attention.
"""

from collections.abc import Sequence
from inspect import signature
from typing import Any

import numpy as np
import torch
from transformers import AttentionInterface, AttentionMaskInterface

varlen_attn: Any
try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # torch before 2.10
    varlen_attn = None

#: The name of the attention in transformers' registers.
ATTENTION = "rag4rag_packed"
#: Architectures whose packed and padded outputs were compared.
ARCHITECTURES = frozenset({"modernbert"})


def use_packed(model: Any) -> bool:
    """Turns a model's attention into that of packed rows, if the model and the device allow it."""
    usable = (
        model.device.type == "cuda"
        and torch.version.hip is None
        and torch.cuda.get_device_capability(model.device) >= (8, 0)
        and model.dtype in (torch.bfloat16, torch.float16)
        and model.config.model_type in ARCHITECTURES
        and varlen_attn is not None
        and "window_size" in signature(varlen_attn).parameters  # torch 2.11
    )
    if usable:
        model.set_attn_implementation(ATTENTION)
    return bool(usable)


def compile_layers(model: Any) -> None:
    """Compiles a packed model's layers, which are alike, so that it takes seconds, not minutes."""
    for layer in model.base_model.layers:
        layer.compile(dynamic=True)
    with torch.inference_mode():  # as in use: what is compiled without it is compiled again
        packed_logits(model, [np.zeros(length, dtype=np.int64) for length in (24, 40)])


def packed_logits(model: Any, rows: Sequence[np.ndarray]) -> torch.Tensor:
    """The logits of all tokens of the rows, one row behind the other."""
    lengths = [len(row) for row in rows]
    ids = np.stack([np.concatenate(rows), np.concatenate([np.arange(n) for n in lengths])])
    borders = np.cumsum([0, *lengths], dtype=np.int32)
    tokens, positions = on_device(ids, model.device)
    return model(
        input_ids=tokens[None],
        position_ids=positions[None],
        borders=on_device(borders, model.device),
        longest=max(lengths),
    ).logits[0]


def on_device(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """A copy on the device; from pinned memory, so that it does not wait for the device's queue."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    borders: torch.Tensor,
    longest: int,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **unused: Any,
) -> tuple[torch.Tensor, None]:
    """Attention in the form that transformers calls: 1 x heads x tokens x width, the same back."""
    query, key, value = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    # As in transformers' own flash attention, a window counts the token itself.
    side = -1 if sliding_window is None else sliding_window - 1
    seen = (side, side)
    output: torch.Tensor = varlen_attn(
        query, key, value, borders, borders, longest, longest, scale=scaling, window_size=seen
    )
    return output[None], None


def _no_mask(*unused: Any, **also_unused: Any) -> None:
    """Rows are kept apart by their borders."""


AttentionInterface.register(ATTENTION, _attention)
AttentionMaskInterface.register(ATTENTION, _no_mask)
