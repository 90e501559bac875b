"""The script that trains the packaged judge: its rules, and the whole of it on two documents."""

import random
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from distilabel_rag4rag import LettuceDetectJudge
from distilabel_rag4rag.models.packaged import embeddings_path

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import train_judge
import train_judge_fit
from train_judge_examples import SUPPORTED, UNSUPPORTED, UNSURE, Maker, by_words
from train_judge_facts import fact_item
from train_judge_items import Item, Passage
from train_judge_text import contradicted, phrases, sentences

KETTLE = (
    "The Great Kettle was cast in Torgau in 1712 by Ena Holm. It holds more than forty barrels of "
    "soup and is larger than the bell of the town. Before the war it was kept in the upper church."
)
LAKE = (
    "Lake Varn lies north of the town of Ostrau and is 31 metres deep. Eels were caught there "
    "until 1934, when the mill closed. The deepest part of the lake belongs to the Holm family."
)


def test_a_sentence_is_contradicted_in_one_place() -> None:
    found = {contradicted("The lake is 31 metres deep.", random.Random(seed)) for seed in range(40)}
    assert ("The lake ", "is not", " 31 metres deep.") in found
    assert ("The lake is 31 ", "miles", " deep.") in found
    assert all(new not in ("is", "metres") for _, new, _ in found if found)
    assert contradicted("Eels swim.", random.Random(0)) is None


def test_phrases_are_content_words_in_a_row() -> None:
    text = "the spanwise lift increase of a wing, tapered"
    assert [text[start:end] for start, end in phrases(text)] == [
        "spanwise lift increase",
        "tapered",
    ]


def test_words_that_stand_in_the_evidence_are_left_open() -> None:
    pieces = by_words("In Torgau in 1812.", "cast in Torgau in 1712")
    assert [(piece.text, piece.label) for piece in pieces] == [
        ("In Torgau in ", UNSURE),
        ("1812", UNSUPPORTED),
        (".", UNSURE),
    ]


@pytest.fixture
def maker() -> Maker:
    item = Item(
        "questions", "kettle", KETTLE, "Where was the Great Kettle cast?", "Torgau",
        closed_book=["In Paris"], grounded=["Torgau", "Ena Holm"], others=["Ena Holm"],
    )  # fmt: skip
    passages = [Passage("questions", "kettle", KETTLE), Passage("documents", "lake", LAKE)]
    return Maker([item], passages, seed=0)


def test_supported_answers_stand_in_the_evidence_and_unsupported_ones_have_a_fault(
    maker: Maker,
) -> None:
    kinds = set()
    for _ in range(60):
        for example in maker.group(6):
            kinds.add(example.kind)
            labels = {piece.label for piece in example.answer if piece.text.strip()}
            evidence = " ".join(example.passages)
            if not example.unsupported:
                assert labels == {SUPPORTED}
            if example.kind in ("sentence", "window"):
                assert example.text in evidence
            if example.kind in ("altered", "contradiction", "elsewhere", "foreign"):
                assert UNSUPPORTED in labels
            if example.kind == "elsewhere":
                [new] = [p.text for p in example.answer if p.label == UNSUPPORTED]
                assert new.lower() not in evidence.lower()
    assert kinds >= {
        "right", "sentence", "window", "elsewhere", "same_passage", "altered", "contradiction",
        "foreign", "closed_book", "grounded_right", "grounded_wrong", "misplaced",
    }  # fmt: skip


def test_facts_have_wrong_answers_of_the_sort_that_is_asked_for() -> None:
    rng = random.Random(0)
    for item in (fact_item(rng) for _ in range(300)):
        assert item.answer in item.sentence
        assert all(other in item.sentence and other != item.answer for other in item.others)
        assert len(set(item.wrong)) == 4
        for wrong in item.wrong:
            assert not any(word in item.sentence for word in wrong.split())
            assert wrong.isdigit() == item.answer.isdigit()
            assert len(wrong.split()) == len(item.answer.split())
            assert wrong[0].isupper() == item.answer[0].isupper()


def test_the_same_seed_makes_the_same_examples() -> None:
    passages = [Passage("documents", "kettle", KETTLE), Passage("documents", "lake", LAKE)]
    first, second = (Maker([], passages, seed=3) for _ in range(2))
    assert [first.group(4) for _ in range(5)] == [second.group(4) for _ in range(5)]


def test_sentences_of_text_without_capitals() -> None:
    text = "the lift of the wing was measured . it rose with the angle of attack ."
    assert sentences(text) == [
        "the lift of the wing was measured .",
        "it rose with the angle of attack .",
    ]


@pytest.mark.slow
def test_documents_alone_become_a_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in (("kettle", KETTLE), ("lake", LAKE)):
        (folder / f"{name}.txt").write_text(text)
    out = tmp_path / "out"
    arguments = ["train_judge.py", "--documents", str(folder), "--out", str(out), "--ask", "2"]
    arguments += ["--groups", "8", "--steps", "4", "--tokens", "1024", "--rank", "4"]
    monkeypatch.setattr(sys, "argv", arguments)
    train_judge.main()
    before = load_file(out / "adapter" / "adapter_model.safetensors")
    # Two steps at a rate of next to nothing: the adapter that it begins with.
    arguments = ["--examples", str(out / "examples.npz"), "--base", embeddings_path()]
    arguments += ["--start", str(out / "adapter"), "--out", str(tmp_path / "more")]
    arguments += ["--steps", "2", "--rate", "1e-9", "--tokens", "1024"]
    monkeypatch.setattr(sys, "argv", ["train_judge_fit.py", *arguments])
    train_judge_fit.main()
    after = load_file(tmp_path / "more" / "adapter" / "adapter_model.safetensors")
    [layer, *_] = [name for name in before if name.endswith("query.lora_B.weight")]
    assert before[layer].abs().max() > 0
    assert torch.allclose(before[layer].float(), after[layer].float(), atol=1e-5)
    judge = LettuceDetectJudge(model=str(out / "model"))
    judge.load()
    rows = [{"answer": "Torgau", "contexts": KETTLE, "question": "Where was it cast?"}]
    [row] = next(judge.process(rows))
    judge.unload()
    assert row["judge_reason"] is None
    assert (out / "tuning.json").is_file()
