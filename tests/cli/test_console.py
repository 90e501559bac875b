"""What the terminal shows of a comparison."""

import io

import pytest
from helpers.comparison_rows import make_rows
from rich.console import Console

from distilabel_rag4rag import Comparison, compare
from distilabel_rag4rag.cli.console import example_table, print_comparison
from distilabel_rag4rag.report.examples import choose_examples


def printed(comparison: Comparison, width: int = 80) -> str:
    """The text of a comparison and of one example."""
    file = io.StringIO()
    console = Console(file=file, width=width)
    seconds = {arm: {"seconds": 1234.5} for arm in comparison.arms}
    print_comparison(comparison.to_dict(), seconds, console)
    for example in choose_examples(comparison, 1)[0]:
        console.print(example_table(example))
    return file.getvalue()


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(make_rows(passages=400), bootstrap=100)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_arm_has_its_name_and_figures_on_one_line(comparison: Comparison, width: int) -> None:
    lines = [" ".join(line.split()) for line in printed(comparison, width).splitlines()]
    for name, arm in comparison.arms.items():
        rate = f"{100 * arm.hallucination_rate.value:.1f}"
        counts = f"{name} {arm.rows} {arm.answered} {arm.abstained} {arm.failed} {rate} "
        [found] = [number for number, line in enumerate(lines) if line.startswith(counts)]
        low, high = arm.hallucination_rate.low, arm.hallucination_rate.high
        assert lines[found + 1].startswith(f"{100 * low:.0f}–{100 * high:.0f} ")
        assert lines[found].endswith(" 1234")


def test_text_of_the_data_is_neither_markup_nor_obeyed() -> None:
    rows = make_rows(passages=1)
    odd = "\x1b[2J\x9b1m[red]x[/red]\x07\u202e"
    for row in rows[:3]:  # one question in three arms
        row |= {"question": odd + "?", "human_answer": odd + "!"}
        row |= {"answer": odd + ".", "hallucinated_spans": [], "hallucination_score": 0.0}
        row["arm"] = {"zero_shot": "a[b]\x1b[0m"}.get(row["arm"], row["arm"])
    comparison = compare(rows[:3], bootstrap=100, baseline="a[b]\x1b[0m")
    text = printed(comparison, 200)
    assert not set("\x1b\x9b\x07\u202e") & set(text)
    assert "␛[2J�1m[red]x[/red]␇�?" in text
    assert "a[b]␛[0m" in text


def test_flagged_human_answers_are_false_alarms() -> None:
    rows = make_rows(passages=8)
    human = [
        row | {"arm": "human", "answer": "salt", "abstained": False, "hallucination_score": score}
        for number, row in enumerate(row for row in rows if row["arm"] == "rag4rag")
        for score in [0.9 if number == 0 else 0.1]
    ]
    text = printed(compare(rows + human, bootstrap=100))
    assert "Human answers: 4.2%" in text
    assert "Human answers" not in printed(compare(rows, bootstrap=100))
