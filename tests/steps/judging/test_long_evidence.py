"""Evidence of many windows: what a short text does not support, a long one does not either."""

import json
from importlib.resources import files
from itertools import count

import numpy as np
import pytest
import torch
from helpers.tiny_judges import save_bert, save_modernbert
from lettucedetect.detectors.transformer import TransformerDetector

from distilabel_rag4rag import LettuceDetectJudge
from distilabel_rag4rag.steps.judging.detectors.batch_detector import BatchDetector
from distilabel_rag4rag.steps.judging.detectors.items import Item

KETTLE = "The kettle was cast in Torgau in 1712."
QUESTION = "In which town was the kettle cast?"
RIGHT, WRONG = "Torgau", "Lisbon"

WORLD = json.loads(
    (files("distilabel_rag4rag.data") / "sample_world" / "sample_world.json").read_text("utf-8")
)
PASSAGES = [paragraph["context"] for a in WORLD["data"] for paragraph in a["paragraphs"]]
TOWNS = ("Ulm", "Pirna", "Erfurt", "Riga", "Porto", "Cadiz")
FILLERS = {
    "sample world": lambda n: PASSAGES[n % len(PASSAGES)],
    "like the source": lambda n: (
        f"The bell of the church no. {n} was cast in {TOWNS[n % 6]} in {1500 + n}."
    ),
    "German": lambda n: (
        f"Im Jahr {1500 + n} wurde die Mühle Nr. {n} am Fluss von {n % 7 + 2} Zimmerleuten "
        "erneuert und an einen Müller aus Pirna verpachtet."
    ),
    "Chinese": lambda n: f"{n}号仓库建于{1600 + n}年，由当地商人出资，用来存放茶叶和丝绸。",
    "Russian": lambda n: f"Мельница номер {n} была построена в {1500 + n} году и стоит у реки.",
    "numbers": lambda n: f"Item {n}: {n * 7 % 100}.5 kg, {n * 13 % 90}.20 EUR, shelf {n % 12}.",
}
LENGTHS = (1, 4, 16, 64)


@pytest.fixture(scope="module")
def judge():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    step = LettuceDetectJudge(model="embedded", precision="float32")
    step.load()
    yield step
    step.unload()
    torch.set_num_threads(threads)


def long_texts(judge, filler, windows):
    """Texts that fill so many windows of 512 tokens, or rather more; none for one window."""
    texts, tokens = [], 0
    for number in count():
        if tokens > 400 * windows or windows == 1:
            return texts
        texts.append(FILLERS[filler](number))
        tokens += len(judge._detector.tokenizer.tokenize(texts[-1]))


def judged(judge, answers, contexts, question=QUESTION):
    rows = [{"answer": text, "contexts": contexts, "question": question} for text in answers]
    return next(judge.process(rows))


@pytest.mark.slow
@pytest.mark.parametrize("filler", FILLERS)
def test_length_supports_nothing(judge, filler):
    """Wherever the source stands: the right answer passes, the wrong one does not."""
    for windows in LENGTHS:
        texts = long_texts(judge, filler, windows)
        for place in (0, len(texts) // 2, len(texts)):
            contexts = " ".join([*texts[:place], KETTLE, *texts[place:]])
            right, wrong = rows = judged(judge, [RIGHT, WRONG], contexts)
            assert right["hallucinated_spans"] == []
            assert wrong["hallucination_score"] > 0.7, (windows, place)
            assert {row["evidence_truncated"] for row in rows} == {windows > 1}
            assert {row["judge_reason"] for row in rows} == {None}
            (needed,) = {row["evidence_windows"] for row in rows}
            assert needed == 1 if windows == 1 else 0.9 * windows <= needed <= windows


@pytest.mark.slow
def test_any_lets_long_evidence_support_what_it_does_not(judge):
    """Why "nearest" is the default; the same text, window by window."""
    contexts = " ".join([KETTLE, *long_texts(judge, "sample world", 4)])
    settings = {"model": "embedded", "precision": "float32", "evidence_rule": "any"}
    union = LettuceDetectJudge(**settings)
    union.load()
    assert [row["hallucination_score"] for row in judged(union, ["Riga"], contexts)] == [0.0]
    assert judged(judge, ["Riga"], contexts)[0]["hallucination_score"] > 0.7
    union.unload()


@pytest.fixture(scope="module", params=["bert", "modernbert"])
def checkpoint(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return save_bert(folder) if request.param == "bert" else save_modernbert(folder, BOATS * 20)


BOATS = [f"Boat {n} of the harbour sailed in {1700 + n} with {n * 3} barrels." for n in range(300)]
ANSWERS = [
    "1777",
    "Boat 77 sailed in 1777, and boat 78 rested.",
    "Boat 12 sailed in 1712 with 36 barrels. Boat 250 sailed in 1999 with two of them! Is it so? "
    "Nobody knows more about the other boats.\nThey rest in the harbour until today.",
    "  😀 It sailed. \n",
    "ボート七十七号は一七七七年に出航した。その後は港に戻らなかった。",
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_spans_are_lettucedetects_on_the_nearest_evidence(checkpoint, answer, monkeypatch):
    """Each sentence with its evidence, given to LettuceDetect's own `predict`."""
    size = 256 if "modernbert" not in checkpoint else 900
    ours = BatchDetector(checkpoint, size, precision="float32", threshold=0.0)
    theirs = TransformerDetector(checkpoint, max_length=size)
    prompts, encode = [], ours._encode
    monkeypatch.setattr(ours, "_encode", lambda p, a: prompts.append((p[0], a[0])) or encode(p, a))
    for contexts in ((" ".join(BOATS),), tuple(BOATS)):
        item = Item(contexts, answer, "When did boat 77 sail?")
        prompts.clear()
        windows, failed = ours.windows([item])
        assert not failed
        (_, whole), *parts = prompts
        assert whole == answer
        assert "".join(part for _, part in parts) == answer
        assert all("77" in prompt.split("Boat", 1)[1] for prompt, part in parts if "77" in part)
        assert max(len(window.ids) for window in windows) <= size
        expected = [
            token["prob"]
            for prompt, part in parts
            for token in theirs._predict_single(prompt, part, "tokens")[:-1]
        ]
        (verdict,) = ours.judge([item])
        assert verdict.truncated
        assert verdict.windows > 5
        (span,) = verdict.spans
        assert span["confidence"] == pytest.approx(max(expected), abs=1e-4)
        assert answer.strip() in span["text"]
        offsets = [place for window in windows for place in window.offsets]
        assert offsets == sorted(offsets)
        assert len(offsets) == len(expected)


def test_rules_differ_only_beyond_the_window(checkpoint):
    """What fits one window has one verdict."""
    items = [
        Item(tuple(BOATS[first : first + number]), answer, question)
        for answer in ANSWERS
        for question in ("When did boat 77 sail?", None)
        for first, number in ((0, 1), (70, 4))
    ]
    verdicts = [
        BatchDetector(checkpoint, precision="float32", evidence_rule=rule).judge(items)
        for rule in ("nearest", "any", "every")
    ]
    assert verdicts[0] == verdicts[1] == verdicts[2]
    assert {(verdict.windows, verdict.truncated) for verdict in verdicts[0]} == {(1, False)}


@pytest.mark.slow
def test_windows_needed(checkpoint):
    size = 256 if "modernbert" not in checkpoint else 900
    item = Item(tuple(BOATS), ANSWERS[0], "When did boat 77 sail?")
    counted = {}
    for rule in ("nearest", "any", "every"):
        detector = BatchDetector(checkpoint, size, precision="float32", evidence_rule=rule)
        (verdict,) = detector.judge([item])
        counted[rule] = verdict.windows
        if rule != "nearest":
            assert verdict.windows == len(detector.windows([item])[0])
    assert counted["any"] == counted["every"]
    assert 0.6 < counted["nearest"] / counted["any"] <= 1.5


@pytest.mark.slow
def test_evidence_is_cut_once_for_rows_in_a_line(checkpoint):
    detector = BatchDetector(checkpoint, 256, precision="float32")
    cut = [detector._evidence(tuple(BOATS), 50) for _ in range(2)]
    assert cut[0] is cut[1]
    for number in range(20):
        detector._evidence((*BOATS, str(number)), 50)
    assert detector._evidence(tuple(BOATS), 50) is not cut[0]


@pytest.mark.parametrize(
    ("answer", "question", "reason"),
    [
        ("word " * 300, QUESTION, "leave no room for evidence"),
        ("Torgau", "why " * 300, "leave no room for evidence"),
        ("\u200b", QUESTION, "no token in the answer"),
    ],
)
def test_what_cannot_be_judged_fails_alone(tmp_path, answer, question, reason):
    detector = BatchDetector(save_bert(tmp_path), 128, precision="float32")
    good = Item(tuple(BOATS), "1777", "When did boat 77 sail?")
    first, failed, last = detector.judge([good, Item(tuple(BOATS), answer, question), good])
    assert reason in failed.failure
    assert failed.windows is None
    assert first == last
    assert first.failure is None


def test_a_long_answer_is_judged_sentence_by_sentence(tmp_path):
    """Longer than the window: each sentence still finds space."""
    detector = BatchDetector(save_bert(tmp_path), 128, precision="float32", threshold=0.0)
    answer = " ".join(BOATS[:40])
    (verdict,) = detector.judge([Item(tuple(BOATS), answer, "Which boats are there?")])
    assert verdict.failure is None
    assert [span["text"] for span in verdict.spans] == [answer]


def test_surrogates_do_not_move_spans(tmp_path):
    step = LettuceDetectJudge(model=save_bert(tmp_path), precision="float32", threshold=0.0)
    step.load()
    answer = "a \ud800 kettle \udfff from \ud83d\ude00 Lisbon"
    for contexts in (KETTLE, KETTLE + " \udc00 " + " ".join(BOATS)):
        (row,) = judged(step, [answer], contexts, "In which \ud800 town?")
        assert row["judge_reason"] is None
        (span,) = row["hallucinated_spans"]
        assert (span["start"], span["end"], span["text"]) == (0, len(answer), answer)


def test_numpy_texts(tmp_path):
    step = LettuceDetectJudge(model=save_bert(tmp_path), precision="float32")
    step.load()
    plain = judged(step, ["Lisbon"], [KETTLE])
    texts = judged(step, [np.str_("Lisbon")], np.array([KETTLE]), np.str_(QUESTION))
    assert plain[0]["hallucinated_spans"] == texts[0]["hallucinated_spans"]
