"""Packed rows against padded ones, with torch's attention row by row in place of the GPU's."""

import numpy as np
import pytest
import torch
from distilabel.errors import DistilabelUserError
from helpers.tiny_judges import save_bert, save_modernbert
from lettucedetect.detectors.prompt_utils import LANG_TO_PASSAGE, PromptUtils
from torch.nn.functional import scaled_dot_product_attention

from distilabel_rag4rag.steps.judging.detectors import packed
from distilabel_rag4rag.steps.judging.detectors._compat import format_prompt
from distilabel_rag4rag.steps.judging.detectors.batch_detector import BatchDetector
from distilabel_rag4rag.steps.judging.detectors.items import Item
from distilabel_rag4rag.steps.judging.detectors.windows import (
    Window,
    answer_margins,
    cut_packed,
)
from distilabel_rag4rag.utils.threads import one_ahead

PASSAGES = [
    "The lighthouse of Vel Torma was built in 1871 by Irja Kontu. It stands on basalt. " * 3,
    "Zürich's tram no. 4 runs every 7½ minutes — except on Sundays, when it doesn't.",
    "A short one.",
]
ANSWERS = ["Irja Kontu", "It was built in 1899 by Marek Olsen, a fisherman.", "every 7½ minutes"]
ITEMS = [
    Item(tuple(PASSAGES[first:]), answer, question)
    for first in range(3)
    for answer in ANSWERS
    for question in ("Who built it?", None)
]


def row_by_row(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, scale, window_size):
    """What `varlen_attn` computes, in the plainest way."""
    assert max_q == max_k == cu_seq_q.diff().max()
    outputs = []
    for first, last in zip(cu_seq_q[:-1].tolist(), cu_seq_q[1:].tolist(), strict=True):
        places = torch.arange(last - first)
        distance = places[:, None] - places[None]
        side = window_size[0] if window_size[0] >= 0 else len(places)
        seen = distance.abs() <= side
        parts = (tensor[first:last].transpose(0, 1) for tensor in (query, key, value))
        output = scaled_dot_product_attention(*parts, attn_mask=seen, scale=scale)
        outputs.append(output.transpose(0, 1))
    return torch.cat(outputs)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """The models are so small that threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def modernbert(tmp_path_factory):
    return save_modernbert(tmp_path_factory.mktemp("modernbert"), [*PASSAGES, *ANSWERS])


def packing(path: str, **settings) -> BatchDetector:
    """A detector that packs on a CPU."""
    detector = BatchDetector(path, device="cpu", precision="float32", **settings)
    detector.packed = True
    detector.model.set_attn_implementation(packed.ATTENTION)
    return detector


@pytest.mark.parametrize("budget", [None, 300, 1])
def test_packed_rows_get_the_verdicts_of_padded_ones(monkeypatch, modernbert, budget):
    monkeypatch.setattr(packed, "varlen_attn", row_by_row)
    padded = BatchDetector(modernbert, device="cpu", precision="float32")
    detector = packing(modernbert, token_budget=budget)
    longest = max(len(window.ids) for window in padded.windows(ITEMS)[0])
    assert longest > 2 * detector.model.config.sliding_window  # local attention cuts something
    spans = 0
    for ours, theirs in zip(detector.judge(ITEMS), padded.judge(ITEMS), strict=True):
        assert ours.failure is None
        assert [(s["start"], s["end"]) for s in ours.spans] == [
            (s["start"], s["end"]) for s in theirs.spans
        ]
        confidences = [s["confidence"] for s in theirs.spans]
        assert [s["confidence"] for s in ours.spans] == pytest.approx(confidences, abs=1e-4)
        spans += len(ours.spans)
    assert spans > 5


@pytest.mark.slow
def test_a_packed_row_that_breaks_the_model_is_found(monkeypatch, modernbert):
    def sometimes(query, *others, **named):
        if query.shape[0] > 400:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return row_by_row(query, *others, **named)

    monkeypatch.setattr(packed, "varlen_attn", sometimes)
    detector = packing(modernbert)
    verdicts = detector.judge(ITEMS)
    lengths = [len(window.ids) for window in detector.windows(ITEMS)[0]]
    assert [verdict.failure is not None for verdict in verdicts] == [n > 400 for n in lengths]
    assert detector.token_budget < 500


def test_only_a_gpu_packs(tmp_path, modernbert):
    detector = BatchDetector(modernbert, device="cpu", precision="bfloat16")
    assert not detector.packed
    assert detector.model.config._attn_implementation == "sdpa"
    assert not BatchDetector(save_bert(tmp_path), device="cpu").packed


def test_only_what_is_packed_is_compiled(modernbert):
    with pytest.raises(DistilabelUserError, match="torch_compile=True has no effect with modernb"):
        BatchDetector(modernbert, device="cpu", torch_compile=True)


@pytest.mark.parametrize("lang", LANG_TO_PASSAGE)
@pytest.mark.parametrize("question", ["What costs $5?", None])
def test_prompts_are_those_of_lettucedetect(lang, question):
    theirs = PromptUtils.format_context(PASSAGES, question, lang)
    assert format_prompt(PASSAGES, question, lang) == theirs
    assert PASSAGES[1] in theirs


def window(length: int) -> Window:
    return Window(ITEMS[0], np.arange(length), slice(1, 3), [(0, 1), (1, 2)])


def test_cut_packed():
    windows = [window(n) for n in (10, 30, 20, 30, 10, 20)]
    cut = [[len(w.ids) for w in batch] for batch in cut_packed(windows, 100)]
    assert cut == [[10, 30, 20], [30, 10, 20]]  # rather than 100 and 20
    assert [len(batch) for batch in cut_packed(windows, 5)] == [1] * 6
    assert [len(batch) for batch in cut_packed(windows, 10**6)] == [6]
    assert cut_packed([], 100) == []


def test_answer_margins():
    batch = [window(4), window(3)]
    packed_rows = answer_margins(batch, np.arange(7.0))
    assert [row.tolist() for row in packed_rows] == [[1.0, 2.0], [5.0, 6.0]]
    padded_rows = answer_margins(batch, np.arange(8.0).reshape(2, 4))
    assert [row.tolist() for row in padded_rows] == [[1.0, 2.0], [5.0, 6.0]]


def test_one_ahead():
    def source():
        yield from range(3)
        raise ValueError("no more")

    assert list(one_ahead(iter(range(4)))) == [0, 1, 2, 3]
    assert list(one_ahead(iter([]))) == []
    with pytest.raises(ValueError, match="no more"):
        list(one_ahead(source()))
