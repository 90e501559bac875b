"""One forward pass's rows, and how they are put together to batches."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from distilabel_rag4rag.steps.judging.detectors.items import Item


class Window(NamedTuple):
    """One row of a forward pass.

    Attributes:
        item: what is judged by it, alone or together with other windows.
        ids: token ids.
        answer: where the answer, or the part of it that this window is about, stands in `ids`.
        offsets: the character offsets of these tokens in the item's answer.
        truncated: whether evidence was left out for want of space.
        needed: how many windows the item's whole evidence takes.
        part: which part of the answer this window is about.
    """

    item: Item
    ids: np.ndarray
    answer: slice
    offsets: list[tuple[int, int]]
    truncated: bool = False
    needed: int = 1
    part: int = 0


def window_of(item: Item, encoding: Any, start: int = 0) -> Window:
    """The window of an encoding whose second text is the item's answer from `start` on.

    LettuceDetect counts the answer's tokens from the end and its offsets from the first answer
    token, which is off by the white space that an answer begins with.
    """
    sequences = encoding.sequence_ids
    if 1 not in sequences:
        raise ValueError("the tokenizer finds no token in the answer")
    first = sequences.index(1)
    last = len(sequences) - sequences[::-1].index(1)
    offsets = [encoding.token_to_chars(token) for token in range(first, last)]
    shifted = [(start + begin, start + end) for begin, end in offsets]
    return Window(item, np.asarray(encoding.ids), slice(first, last), shifted)


def cut_batches(windows: Sequence[Window], budget: int) -> list[list[Window]]:
    """Windows sorted by length, longest first, cut so that rows times the longest fits the budget.

    The longest come first, so that memory runs out early if it does at all.
    """
    batches: list[list[Window]] = []
    for window in sorted(windows, key=lambda window: len(window.ids), reverse=True):
        if batches and (len(batches[-1]) + 1) * len(batches[-1][0].ids) <= budget:
            batches[-1].append(window)
        else:
            batches.append([window])
    return batches


def cut_packed(windows: Sequence[Window], budget: int) -> list[list[Window]]:
    """Windows in their order, cut to batches of about equal tokens, none above the budget.

    A window that is longer than the budget is alone.
    """
    tokens = sum(len(window.ids) for window in windows)
    longest = max((len(window.ids) for window in windows), default=0)
    share = math.ceil(tokens / max(1, math.ceil(tokens / budget)))
    room = min(budget, share + longest // 2)
    batches: list[list[Window]] = []
    used = 0
    for window in windows:
        if batches and used + len(window.ids) <= room:
            batches[-1].append(window)
            used += len(window.ids)
        else:
            batches.append([window])
            used = len(window.ids)
    return batches


def padded_tokens(batch: Sequence[Window]) -> int:
    """The tokens of a forward pass in which every row is as long as the first, the longest."""
    return len(batch) * len(batch[0].ids)


def answer_margins(batch: Sequence[Window], margins: np.ndarray) -> list[np.ndarray]:
    """The margins of each window's answer.

    Args:
        batch: the windows of a forward pass.
        margins: rows x tokens, or the tokens of all rows one behind the other.
    """
    if margins.ndim == 1:
        rows = np.split(margins, np.cumsum([len(window.ids) for window in batch[:-1]]))
    else:
        rows = list(margins)
    return [row[window.answer] for window, row in zip(batch, rows, strict=True)]
