"""`rag4rag judge`, with a judge of the user's own."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from distilabel_rag4rag import MarkGrounded
from distilabel_rag4rag.cli.app import app

JUDGE = """
class Numbers:
    def predict(self, context, answer, question=None, output_format="spans"):
        digits = "".join(character for character in answer if character.isdigit())
        if not digits:
            return []
        start = answer.find(digits)
        end = start + len(digits)
        return [{"start": start, "end": end, "text": digits, "confidence": int(digits) / 100}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a judge whose score is the answer's number, and labels."""
    (tmp_path / "numbers_judge.py").write_text(JUDGE)
    rows = [{"answer": f"{n} of them", "hallucinated": False} for n in range(1, 41)]
    rows += [
        {"answer": f"{n} of them", "labels": [{"start": 0, "end": 2}]} for n in (20, 39, 60, 80)
    ]
    lines = [
        json.dumps({**row, "context": "Some.", "question": f"How many? {number}"})
        for number, row in enumerate(rows)
    ]
    (tmp_path / "labels.jsonl").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def called(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["judge", *arguments], env={"COLUMNS": "160"})
    return done.exit_code, done.output


def test_evaluate_prints_and_writes_the_figures(folder: Path) -> None:
    code, output = called(
        "evaluate", "numbers_judge:Numbers", "--labels", "labels.jsonl", "--threshold", "0.3",
        "--no-baselines", "--out", "found",
    )  # fmt: skip
    assert code == 0, output
    assert "27.5% [" in output
    record = json.loads((folder / "found" / "judges.json").read_text())
    right, wrong = record["judges"]["numbers_judge:Numbers"][:2]
    assert (right["kind"], right["rows"], right["flagged"]) == ("labelled", 40, 0.275)
    assert (wrong["unsupported"], wrong["rows"], wrong["flagged"]) == (True, 4, 0.75)
    # 20 is above 19 of 40 and equal to one, 39 above 38 and equal to one, the others above all.
    assert wrong["auroc"] == pytest.approx((19.5 + 38.5 + 40 + 40) / 160)
    assert (wrong["span_precision"], wrong["span_recall"]) == (1.0, 0.75)
    assert "| labelled | 40 | 27.5% " in (folder / "found" / "judges.md").read_text()


def test_the_baselines_stand_beside_a_judge(folder: Path) -> None:
    code, output = called("evaluate", "numbers_judge:Numbers", "--labels", "labels.jsonl")
    assert code == 0, output
    assert "words in the" in output
    assert "embedding" in output


def test_calibrate_finds_the_threshold_and_says_how_to_use_it(folder: Path) -> None:
    code, output = called(
        "calibrate", "numbers_judge:Numbers", "--labels", "labels.jsonl", "--false-alarms", "0.1",
        "--out", "my.json",
    )  # fmt: skip
    assert code == 0, output
    assert "Use it: MarkGrounded(threshold=0.3601)\n" in output
    record = json.loads((folder / "my.json").read_text())
    assert (record["judge"], record["wanted"]) == ("numbers_judge:Numbers", 0.1)
    assert (record["threshold"], record["false_alarms"], record["caught"]) == (0.3601, 0.1, 0.75)
    low, high = record["threshold_ci"]
    assert 0.3 < low < 0.36 < high <= 0.4001
    assert record["supported"] == 40


def test_too_few_labels_for_a_rate_are_said(folder: Path) -> None:
    code, output = called(
        "calibrate", "numbers_judge:Numbers", "--labels", "labels.jsonl", "--false-alarms", "0.01"
    )
    assert code == 0, output
    assert "40 supported answers are too few to tell 1.0% from less" in " ".join(output.split())
    assert json.loads((folder / "calibration.json").read_text())["threshold"] == 0.4001


def test_the_rate_holds_for_answers_with_equal_scores(folder: Path) -> None:
    """MarkGrounded flags from the threshold on: 39 and 40 supported answers have one score."""
    rows = [{"answer": f"{n} of them", "hallucinated": False} for n in [90] * 2 + [5] * 38]
    rows += [{"answer": f"{n} of them", "hallucinated": True} for n in (90, 95, 5)]
    lines = [
        json.dumps({**row, "context": "Some.", "question": f"How many? {number}"})
        for number, row in enumerate(rows)
    ]
    (folder / "equal.jsonl").write_text("\n".join(lines))
    rates = {}
    for wanted in ("0", "0.02", "0.05"):
        code, output = called(
            "calibrate",
            "numbers_judge:Numbers",
            "--labels",
            "equal.jsonl",
            "--false-alarms",
            wanted,
        )
        assert code == 0, output
        record = json.loads((folder / "calibration.json").read_text())
        mark = MarkGrounded(threshold=record["threshold"])
        mark.load()
        scored = [
            {"answer": row["answer"], "hallucination_score": int(str(row["answer"])[:2]) / 100}
            for row in rows
        ]
        kept = [row["keep_row_after_grounding"] for row in next(mark.process(scored))]
        assert kept[:40].count(False) / 40 == record["false_alarms"] <= float(wanted)
        assert kept[40:].count(False) / 3 == pytest.approx(record["caught"])
        rates[wanted] = record["threshold"], record["false_alarms"]
    assert rates == {"0": (0.9001, 0.0), "0.02": (0.9001, 0.0), "0.05": (0.0501, 0.05)}


@pytest.mark.parametrize(("score", "threshold"), [("none", 0.0001), ("100", 1.0)])
def test_scores_at_the_ends(folder: Path, score: str, threshold: float) -> None:
    """A threshold of 0 would flag all answers, one above 1 there is not."""
    row = {"answer": f"{score} of them", "hallucinated": False, "context": "Some."}
    (folder / "ends.jsonl").write_text((json.dumps(row) + "\n") * 9)
    code, output = called("calibrate", "numbers_judge:Numbers", "--labels", "ends.jsonl")
    assert code == 0, output
    assert json.loads((folder / "calibration.json").read_text())["threshold"] == threshold
    assert ("No threshold gives so few" in output) == (score == "100")
    assert ("Use it:" in output) == (score == "none")


def test_a_judge_that_can_judge_nothing_is_an_error(folder: Path) -> None:
    (folder / "broken_judge.py").write_text(
        "class Broken:\n    def predict(self, *given, **named):\n"
        "        raise OSError('no server')\n"
        "class Wants(Broken):\n    def __init__(self, server):\n        pass\n"
    )
    for command in ("evaluate", "calibrate"):
        code, output = called(command, "broken_judge:Broken", "--labels", "labels.jsonl")
        assert code == 2
        assert "MODEL: found 'broken_judge:Broken'" in output
        assert "no server" in output
        code, output = called(command, "broken_judge:Wants", "--labels", "labels.jsonl")
        assert code == 2
        assert "MODEL: found 'broken_judge:Wants'" in output
        assert "server" in output


def test_a_judge_that_fails_costs_no_other_its_figures(folder: Path) -> None:
    (folder / "broken_judge.py").write_text(
        "class Broken:\n    def predict(self, *given, **named):\n"
        "        raise OSError('no server')\n"
    )
    code, output = called(
        "evaluate", "broken_judge:Broken", "numbers_judge:Numbers", "./no/judge",
        "--labels", "labels.jsonl", "--threshold", "0.3", "--no-baselines", "--out", "found",
    )  # fmt: skip
    assert code == 2
    assert "Error: MODEL: found 'broken_judge:Broken'" in output
    assert "- ./no/judge is left out: " in output
    assert "27.5% [" in output
    assert [*json.loads((folder / "found" / "judges.json").read_text())["judges"]] == [
        "numbers_judge:Numbers"
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("embedded", "--labels", "none.jsonl"), "none.jsonl"),
        (("nobody:Judge", "--labels", "labels.jsonl"), "nobody:Judge"),
        (("embedded", "--labels", "labels.jsonl", "--judge-set", "threshold=0.2"), "--judge-set"),
    ],
)
def test_mistakes_exit_with_2(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    code, output = called("evaluate", *arguments)
    assert code == 2
    assert said in output
