"""The batched detector against LettuceDetect's own, and the pure functions behind it."""

import dataclasses
import math
import sys
from pathlib import Path

import pytest
import torch
from distilabel.errors import DistilabelUserError
from helpers.tiny_judges import MINILM, save_bert, save_modernbert
from hypothesis import given, settings
from hypothesis import strategies as st
from lettucedetect.detectors.prompt_utils import PromptUtils
from lettucedetect.detectors.transformer import TransformerDetector

from distilabel_rag4rag.steps.judging.detectors import batch_detector as batch_module
from distilabel_rag4rag.steps.judging.detectors.batch_detector import BatchDetector
from distilabel_rag4rag.steps.judging.detectors.device import choose_dtype
from distilabel_rag4rag.steps.judging.detectors.items import Item
from distilabel_rag4rag.steps.judging.detectors.passages import split_passage
from distilabel_rag4rag.steps.judging.detectors.spans import logit, sigmoid, tidy, token_spans
from distilabel_rag4rag.steps.judging.detectors.windows import cut_batches

PASSAGES = [
    "The lighthouse of Vel Torma was built in 1871 by Irja Kontu. It stands on basalt.",
    "Zürich's tram no. 4 runs every 7½ minutes — except on Sundays, when it doesn't.",
    "Das Orchester spielte “Die Nacht” vor 2,300 Gästen; der Dirigent hieß Müller.",
    "東京の塔は三百三十三メートルです。 It opened in 1958.",
    "Emoji 😀 and families 👩‍👩‍👧 are text too, as is naïve café writing.",
    "A short one.",
]
QUESTIONS = ["Who built it?", "How often does it run?", None, "¿Cuándo?"]
ANSWERS = [
    "Irja Kontu",
    "It was built in 1899 by Marek Olsen, who was a fisherman.",
    "every 7½ minutes",
    "Die Nacht, vor 2,300 Gästen",
    "三百三十三メートル",
    "😀 and 👩‍👩‍👧, naïve café",
    "No.",
    "The conductor's name was Müller; nobody knows more than that about him.",
]
ITEMS = [
    Item(tuple(PASSAGES[first : first + count]), answer, question)
    for first, count in [(0, 1), (1, 2), (2, 4)]
    for answer in ANSWERS
    for question in QUESTIONS
]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """The models are so small that threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return save_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def modernbert(tmp_path_factory):
    return save_modernbert(tmp_path_factory.mktemp("modernbert"), PASSAGES * 20)


@pytest.fixture(scope="module", params=["bert", "modernbert"])
def checkpoint(request):
    return request.getfixturevalue(request.param)


def lettucedetect_spans(detector, item):
    return detector.predict(list(item.contexts), item.answer, item.question, "spans")


def assert_same(spans, expected):
    assert [(s["start"], s["end"], s["text"]) for s in spans] == [
        (s["start"], s["end"], s["text"]) for s in expected
    ]
    for span, other in zip(spans, expected, strict=True):
        assert span["confidence"] == pytest.approx(other["confidence"], abs=1e-4)


def test_spans_equal_lettucedetects(checkpoint):
    ours = BatchDetector(checkpoint, precision="float32")
    theirs = TransformerDetector(checkpoint, max_length=ours.max_length)
    expected = [lettucedetect_spans(theirs, item) for item in ITEMS]
    verdicts = ours.judge(ITEMS)
    for verdict, spans in zip(verdicts, expected, strict=True):
        assert verdict.failure is None
        assert not verdict.truncated
        assert_same(verdict.spans, spans)
    # The check is worth something only where verdicts differ from row to row.
    found = sum(len(spans) for spans in expected)
    assert len(ITEMS) / 4 < found
    assert len({tuple((s["start"], s["end"]) for s in spans) for spans in expected}) > 10


@pytest.fixture(scope="module")
def expected(bert):
    """What the detector says where nothing is in its way."""
    return BatchDetector(bert, precision="float32").judge(ITEMS)


@pytest.mark.parametrize("budget", [1, 300, 100_000])
def test_verdicts_do_not_depend_on_the_batches(bert, expected, budget):
    verdicts = BatchDetector(bert, precision="float32", token_budget=budget).judge(ITEMS)
    for verdict, other in zip(verdicts, expected, strict=True):
        assert_same(verdict.spans, other.spans)


def test_slices_keep_the_order(bert, expected, monkeypatch):
    detector = BatchDetector(bert, precision="float32")
    monkeypatch.setattr(batch_module, "SLICE", 7)
    for verdict, other in zip(detector.judge(ITEMS), expected, strict=True):
        assert_same(verdict.spans, other.spans)


@pytest.mark.parametrize("lead", ["  ", "\n", "\u200b", "\u200b \t"])
def test_offsets_where_an_answer_begins_with_white_space(checkpoint, lead):
    """LettuceDetect counts from the first token, so that a lead shifts its offsets (BERT)."""
    detector = BatchDetector(checkpoint, precision="float32", threshold=0.0)
    for answer in ANSWERS:
        (spans,) = (v.spans for v in detector.judge([Item((PASSAGES[0],), lead + answer)]))
        (span,) = tidy(lead + answer, spans)
        assert span["end"] == len(lead + answer)
        assert span["text"].lstrip("\u200b \t\n") == answer
        assert span["text"] == (lead + answer)[span["start"] : span["end"]]


@pytest.mark.slow
def test_lead_shifts_spans_by_its_length(bert):
    ours = BatchDetector(bert, precision="float32")
    theirs = TransformerDetector(bert, max_length=512)
    shifted = 0
    for item in ITEMS:
        (verdict,) = ours.judge([item._replace(answer="  " + item.answer)])
        expected = [
            {**span, "start": span["start"] + 2, "end": span["end"] + 2}
            for span in lettucedetect_spans(theirs, item)
        ]
        assert_same(verdict.spans, expected)
        shifted += bool(expected)
    assert shifted > 10


def test_threshold(bert, expected):
    """0.5 is argmax (see above); a stricter threshold is the same as a stricter score."""
    spans = [v.spans for v in expected]
    every = [v.spans for v in BatchDetector(bert, precision="float32", threshold=0.0).judge(ITEMS)]
    strict = [v.spans for v in BatchDetector(bert, precision="float32", threshold=0.9).judge(ITEMS)]
    none = [v.spans for v in BatchDetector(bert, precision="float32", threshold=1.0).judge(ITEMS)]
    assert all(len(found) == 1 for found in every)
    assert not any(none)
    assert 0 < sum(map(bool, strict)) < sum(map(bool, spans))
    for default, whole, few in zip(spans, every, strict, strict=True):
        score = max((span["confidence"] for span in default), default=0.0)
        assert (score > 0.9) == bool(few)
        assert (whole[0]["confidence"] > 0.5) == bool(default)


LONG = [f"Passage {n}: the {n}th harbour of Torma has {n * 7} boats and a pier." for n in range(40)]


@pytest.fixture(scope="module")
def window(checkpoint):
    """Tokens that hold some but not all of LONG (a byte-level vocabulary of 400 is verbose)."""
    return 256 if "modernbert" not in checkpoint else 900


def slow_margins(detector, prompts, answer):
    """LettuceDetect's own token probabilities, prompt by prompt, without the final [SEP]."""
    return [
        [token["prob"] for token in detector._predict_single(prompt, answer, "tokens")][:-1]
        for prompt in prompts
    ]


def test_every_is_lettucedetects_rule(checkpoint, window):
    ours = BatchDetector(checkpoint, window, precision="float32", evidence_rule="every")
    theirs = TransformerDetector(checkpoint, max_length=window)
    for answer in ANSWERS[:3]:
        item = Item(tuple(LONG), answer, "How many boats?")
        assert len(theirs._group_passages_into_chunks(LONG, item.question, answer)) > 2
        (verdict,) = ours.judge([item])
        assert_same(verdict.spans, lettucedetect_spans(theirs, item))
        assert not verdict.truncated


@pytest.mark.slow
def test_any_takes_the_group_that_supports_a_token(checkpoint, window):
    """The stated rule the slow way: LettuceDetect's groups, its probabilities, their minimum."""
    ours = BatchDetector(
        checkpoint, window, precision="float32", threshold=0.3, evidence_rule="any"
    )
    theirs = TransformerDetector(checkpoint, max_length=window)
    different = 0
    for answer in ANSWERS:
        item = Item(tuple(LONG), answer, "How many boats?")
        groups = theirs._group_passages_into_chunks(LONG, item.question, answer)
        prompts = [PromptUtils.format_context(group, item.question, "en") for group in groups]
        lowest = [
            min(column) for column in zip(*slow_margins(theirs, prompts, answer), strict=True)
        ]
        encoding = theirs.tokenizer(answer, add_special_tokens=False, return_offsets_mapping=True)
        expected = token_spans(
            answer, encoding["offset_mapping"], [logit(p) for p in lowest], threshold=0.3
        )
        (verdict,) = ours.judge([item])
        assert_same(verdict.spans, expected)
        different += verdict.spans != lettucedetect_spans(theirs, item)
    assert different > 0


def test_a_passage_longer_than_the_window(bert):
    """ "any" sees all of it, "every" cuts it where LettuceDetect does and says so."""
    sentences = [f"Boat {n} of the harbour sailed in {1700 + n}." for n in range(100)]
    item = Item((" ".join(sentences),), "Boat 77 sailed in 1777.", "When did boat 77 sail?")
    detector = BatchDetector(bert, 128, precision="float32", evidence_rule="any")
    windows, failed = detector.windows([item])
    assert not failed
    seen = [detector.tokenizer.decode(window.ids) for window in windows]
    for sentence in sentences:
        assert any(sentence.lower() in text.replace(" .", ".") for text in seen), sentence
    assert max(len(window.ids) for window in windows) <= 128
    assert not detector.judge([item])[0].truncated

    (cut,) = BatchDetector(bert, 128, precision="float32", evidence_rule="every").judge([item])
    assert cut.truncated
    assert_same(cut.spans, lettucedetect_spans(TransformerDetector(bert, max_length=128), item))


def test_one_rows_failure_stays_alone(bert):
    detector = BatchDetector(bert, 128, precision="float32")
    good = Item((PASSAGES[0],), ANSWERS[1], "Who built it?")
    surrogate = Item((PASSAGES[0],), "lone \ud800 surrogate")
    endless = Item((PASSAGES[0],), "word " * 200)
    nothing = Item((PASSAGES[0],), "\u200b")
    first, *failed, last = detector.judge([good, surrogate, endless, nothing, good])
    assert first == last
    assert first.failure is None
    assert "TypeError" in failed[0].failure or "Unicode" in failed[0].failure
    assert "leave no room for evidence" in failed[1].failure
    assert "no token in the answer" in failed[2].failure


class SmallMemory(BatchDetector):
    """Runs out of memory above a number of tokens, and once on one row in particular."""

    limit = 10**9
    poisoned = "\x00"
    largest = 0

    def _margins(self, batch):
        if len(batch) * len(batch[0].ids) > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        if any(window.item.answer == self.poisoned for window in batch):
            raise IndexError("index out of range in self")
        self.largest = max(self.largest, len(batch) * len(batch[0].ids))
        return super()._margins(batch)


@pytest.mark.slow
def test_out_of_memory_halves_the_budget(bert, expected):
    detector = SmallMemory(bert, precision="float32")
    detector.limit = 700
    for verdict, other in zip(detector.judge(ITEMS), expected, strict=True):
        assert verdict.failure is None
        assert_same(verdict.spans, other.spans)
    assert detector.token_budget <= 700
    assert 250 < detector.largest <= 700

    detector.limit = 10
    assert all("OutOfMemoryError" in verdict.failure for verdict in detector.judge(ITEMS[:3]))


def test_a_row_that_breaks_the_model_is_found(bert):
    detector = SmallMemory(bert, precision="float32")
    detector.poisoned = ANSWERS[3]
    verdicts = detector.judge(ITEMS)
    assert [v.failure is not None for v in verdicts] == [i.answer == ANSWERS[3] for i in ITEMS]
    assert "IndexError" in next(v.failure for v in verdicts if v.failure)


def test_a_model_that_says_nan_is_not_a_clean_verdict(bert):
    detector = BatchDetector(bert, precision="float32")
    detector.model.classifier.bias.data.fill_(math.nan)
    assert detector.judge(ITEMS[:2])[0].failure == "the model's output is not a number"


def test_equal_items_are_judged_once(bert):
    detector = SmallMemory(bert, precision="float32")
    one = detector.judge(ITEMS[:1])
    tokens = detector.largest
    assert detector.judge(ITEMS[:1] * 50) == one * 50
    assert detector.largest == tokens


def test_precision(bert):
    assert BatchDetector(bert, precision="bfloat16").model.dtype == torch.bfloat16
    assert BatchDetector(bert, precision="float32").model.dtype == torch.float32
    verdicts = BatchDetector(bert, precision="bfloat16").judge(ITEMS)
    assert all(verdict.failure is None for verdict in verdicts)
    capable = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    expected = torch.bfloat16 if capable else torch.float32
    assert choose_dtype("auto", torch.device("cpu")) == expected


def test_window_of_the_checkpoint(tmp_path, bert, modernbert):
    assert BatchDetector(bert).max_length == 512  # LettuceDetect's 4096 is an IndexError here
    assert BatchDetector(modernbert).max_length == 2048
    assert BatchDetector(bert, 100).max_length == 100
    with pytest.raises(DistilabelUserError, match=r"max_length=513.* takes 512 tokens"):
        BatchDetector(bert, 513)
    with pytest.raises(DistilabelUserError, match="has 3 labels"):
        BatchDetector(save_bert(tmp_path, labels=3))


def test_taxonomy_head_types_spans(bert):
    """Any encoder types spans; the packaged MiniLM stands in for the trained head."""
    detector = BatchDetector(bert, precision="float32", taxonomy_head=str(MINILM))
    plain = BatchDetector(bert, precision="float32").judge(ITEMS[:8])
    theirs = TransformerDetector(bert, max_length=512, taxonomy_head=str(MINILM))
    typed = 0
    for item, verdict, other in zip(ITEMS[:8], detector.judge(ITEMS[:8]), plain, strict=True):
        assert_same(verdict.spans, other.spans)
        for span, expected in zip(verdict.spans, lettucedetect_spans(theirs, item), strict=True):
            assert (span["category"], span["subcategory"]) == (
                expected["category"],
                expected["subcategory"],
            )
            typed += 1
    assert typed > 0


def test_a_row_that_cannot_be_typed_fails_alone(bert):
    """Evidence that is longer than the head's window."""
    detector = BatchDetector(bert, precision="float32", taxonomy_head=str(MINILM), threshold=0.0)
    items = [Item((" ".join(["basalt"] * words),), "It stands on sand.") for words in (700, 300)]
    long, short = detector.judge(items)
    assert "must match the existing size (512)" in long.failure
    assert [span["text"] for span in short.spans] == ["It stands on sand."]


@pytest.mark.parametrize(
    ("answer", "start", "end", "word"),
    [
        ("a nai\u0308ve man", 2, 4, "nai\u0308ve"),
        ("यह हिन्दी है", 3, 4, "हिन्दी"),
        ("to co\u00adoperate", 3, 5, "co\u00adoperate"),
        ("in 1,899 days", 5, 6, "899"),
        ("x 𠀀𠀁𠀂 y", 2, 3, "𠀀"),
    ],
)
def test_widening_to_words(answer, start, end, word):
    found = {"start": start, "end": end, "text": answer[start:end], "confidence": 0.5}
    assert [span["text"] for span in tidy(answer, [found], widen=True)] == [word]


@dataclasses.dataclass
class Sized:
    ids: range


def test_cut_batches():
    windows = [Sized(range(length)) for length in (5, 100, 7, 50, 6, 300)]
    lengths = [[len(w.ids) for w in batch] for batch in cut_batches(windows, 100)]
    assert lengths == [[300], [100], [50, 7], [6, 5]]
    assert cut_batches([], 100) == []


def test_token_spans():
    answer = "In 1989, yes"
    offsets = [(0, 2), (3, 7), (7, 8), (8, 8), (9, 12)]
    spans = token_spans(answer, offsets, [-1.0, 2.0, 1.0, -9.0, 0.5])
    assert spans == [{"start": 3, "end": 12, "text": "1989, yes", "confidence": sigmoid(2.0)}]
    assert token_spans(answer, offsets, [0.0] * 5) == []  # a tie is not argmax 1
    assert sigmoid(logit(0.2)) == pytest.approx(0.2)
    assert sigmoid(-800.0) == 0.0


def span(start, end, confidence=0.5):
    return {"start": start, "end": end, "text": "?", "confidence": confidence}


@pytest.mark.parametrize(
    ("options", "spans", "expected"),
    [
        ({}, [span(2, 6, 0.9)], [(3, 6, "199", 0.9)]),  # trimmed
        ({}, [span(2, 3)], []),  # nothing but white space
        ({}, [span(9, 13, 0.8), span(0, 2)], [(0, 2, "In", 0.5), (9, 13, "late", 0.8)]),
        ({}, [span(3, 6), span(5, 7, 0.7)], [(3, 7, "1990", 0.7)]),  # overlap
        ({"widen": True}, [span(4, 6)], [(3, 7, "1990", 0.5)]),
        ({"widen": True}, [span(4, 5), span(6, 7, 0.6)], [(3, 7, "1990", 0.6)]),
        ({"widen": True}, [span(3, 7)], [(3, 7, "1990", 0.5)]),
        ({"widen": True}, [span(15, 16)], [(15, 16, "東", 0.5)]),  # no words without spaces
        ({"merge": True}, [span(3, 7), span(9, 13, 0.9)], [(3, 13, "1990, late", 0.9)]),
        ({"merge": True}, [span(0, 2), span(9, 13)], [(0, 2, "In", 0.5), (9, 13, "late", 0.5)]),
        ({"min_confidence": 0.6}, [span(3, 7), span(9, 13, 0.6)], [(9, 13, "late", 0.6)]),
    ],
)
def test_tidy(options, spans, expected):
    tidied = tidy("In 1990, late: 東京タワー", spans, **options)
    assert [(s["start"], s["end"], s["text"], s["confidence"]) for s in tidied] == expected


@pytest.mark.parametrize("bad", [span(-1, 2), span(5, 3), span(0, 99)])
def test_tidy_refuses_spans_outside_the_answer(bad):
    with pytest.raises(ValueError, match="lies outside the answer of 4 characters"):
        tidy("1990", [bad])


@settings(deadline=None)
@given(st.text(alphabet="ab .\n!漢。", max_size=300), st.integers(4, 40))
def test_split_passage_loses_nothing(text, budget):
    offsets = [(at, at + 1) for at, character in enumerate(text) if not character.isspace()]
    pieces = split_passage(text, offsets, budget)
    position = 0
    for piece in pieces:
        at = text.find(piece, max(0, position - len(piece)))
        assert 0 <= at <= position, "a gap between two pieces"
        position = max(position, at + len(piece))
        assert sum(not character.isspace() for character in piece) <= budget
    assert position == len(text)


def test_split_passage_ends_on_sentences():
    text = "One two. Three four. Five six. Seven eight."
    offsets = [(0, 3), (4, 8), (9, 14), (15, 20), (21, 25), (26, 30), (31, 36), (37, 43)]
    assert split_passage(text, offsets, 5, overlap=0.5) == [
        "One two. Three four. ",
        "Three four. Five six. ",
        "Five six. Seven eight.",
    ]
    assert split_passage(text, offsets, 8) == [text]


# Every row of the folder that RAG4RAG_DATA names, where it does.
sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from judge_data import data_folder  # noqa: E402
from judge_exactness import all_rows, compare  # noqa: E402

if data_folder() is not None:

    @pytest.mark.slow
    def test_spans_equal_lettucedetects_on_all_data(bert):
        counts = compare(all_rows(), bert)
        assert sum(count["rows"] for count in counts.values()) > 2_000
        assert sum(count["spans"] for count in counts.values()) > 500
        assert sum(count["long"] for count in counts.values()) > 0
        assert {kind: count["different"] for kind, count in counts.items()} == dict.fromkeys(
            counts, 0
        )
