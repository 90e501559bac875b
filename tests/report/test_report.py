"""The report as files: what stands in it, that it is complete in itself, and that text is text."""

import re
import warnings
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.comparison_rows import make_rows
from helpers.hostile_rows import HOSTILE, Page, hostile_rows
from markdown_it import MarkdownIt

from distilabel_rag4rag.comparison import compare
from distilabel_rag4rag.report import write_report
from distilabel_rag4rag.report.examples import choose_examples, mark_answer, split_spans
from distilabel_rag4rag.schema import BY_NAME, arrow_schema


def report(rows: object, out: Path, **settings: object) -> tuple[Page, str, str]:
    compared = compare(rows, bootstrap=200)
    write_report(compared, out, **settings)
    html = (out / "report.html").read_text()
    return Page(html), html, (out / "report.md").read_text()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, str, str, Path]:
    out = tmp_path_factory.mktemp("plain")
    run = {"arms": {"rag4rag": {"seconds": 12.5}}, "settings": {"k": 3}, "models": {"llm": "tiny"}}
    page, html, markdown = report(
        make_rows(20), out, run=run, prices={"input": 2.0, "output": 8.0, "currency": "EUR"}
    )
    return page, html, markdown, out


def cells(page: Page, head: str) -> list[str]:
    """The first body row that begins with this head, white space tidied."""
    return next([" ".join(c.split()) for c in row] for row in page.rows if row[0].strip() == head)


def test_the_answer_comes_first(plain: tuple):
    _, html, markdown, _ = plain
    verdict = compare(make_rows(20), bootstrap=200).verdict
    text = html.replace("\u00a0", " ").replace("&lt;", "<")
    assert 0 < text.index(verdict.headline) < text.index(verdict.meaning) < text.index("<table")
    assert markdown.index("**rag4rag hallucinates in") < markdown.index("| arm |")


def test_the_tables_hold_the_comparisons_figures(plain: tuple):
    page, _, markdown, _ = plain
    arm = compare(make_rows(20), bootstrap=200).arms["zero_shot"]
    row = cells(page, "zero_shot")
    rate = arm.hallucination_rate
    assert row[1:5] == [str(n) for n in (arm.rows, arm.answered, arm.abstained, arm.failed)]
    assert row[5] == f"{100 * rate.value:.1f}% {100 * rate.low:.1f} to {100 * rate.high:.1f}"
    assert f"| zero\\_shot | {arm.rows} | {arm.answered} | {arm.abstained} |" in markdown
    costs = next(r for r in page.rows if r[0] == "rag4rag" and "EUR" in r[-1])
    assert costs[1:] == ["11,400", "720", "12.5", f"{12.5 / 55:.2f}", "0.0286 EUR"]


def test_the_page_loads_nothing_and_its_parts_are_whole(plain: tuple):
    page, html, _, out = plain
    sources = [a.get(k) for _, a in page.tags for k in ("src", "href", "xlink:href") if a.get(k)]
    assert all(source.startswith("#") for source in sources)
    assert "@import" not in html
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    refs = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', html))
    assert refs <= set(ids)
    plots = sorted(p.name for p in (out / "plots").iterdir())
    assert plots == [
        f"{name}.png"
        for name in ("f1", "grounded_rate", "hallucination_rate", "paired", "scores", "thresholds")
    ]
    assert all((out / "plots" / p).read_bytes().startswith(b"\x89PNG") for p in plots)


def test_markdown_links_only_to_plots_that_exist(plain: tuple):
    *_, markdown, out = plain
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", markdown)
    assert "plots/paired.png" in links
    assert all((out / link).is_file() for link in links)


def test_the_same_comparison_gives_the_same_bytes(plain: tuple, tmp_path: Path):
    *_, out = plain
    run = {"arms": {"rag4rag": {"seconds": 12.5}}, "settings": {"k": 3}, "models": {"llm": "tiny"}}
    prices = {"input": 2.0, "output": 8.0, "currency": "EUR"}
    report(make_rows(20)[::-1], tmp_path, run=run, prices=prices)
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        assert (tmp_path / path.relative_to(out)).read_bytes() == path.read_bytes(), path.name


def test_rows_from_parquet_give_the_same_report(tmp_path: Path):
    rows = make_rows(5)
    names = [name for name in BY_NAME if name in rows[0]]
    table = pa.Table.from_pylist([{n: r[n] for n in names} for r in rows], arrow_schema(*names))
    pq.write_table(table, tmp_path / "rows.parquet")
    _, expected, _ = report(rows, tmp_path / "a")
    _, html, _ = report(pd.read_parquet(tmp_path / "rows.parquet"), tmp_path / "b")
    assert '<mark class="span">' in html
    assert html == expected


def test_hostile_text_is_text(tmp_path: Path):
    page, html, markdown = report(hostile_rows(), tmp_path, title=HOSTILE)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 1  # ours
    assert not {"img", "iframe", "b>bold"} & set(tags)
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", html)[0]
    assert "{{ 7 * 7 }}" in html
    assert "&lt;script&gt;hacked&lt;/script&gt;#$1$" in html
    # The human answer is marked in the passage, between escaped neighbours.
    assert '&lt;script&gt;<mark class="human">window.hacked = 1</mark>&lt;/script&gt;' in html

    assert "<script" not in markdown
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    tables = Page(rendered)
    tags = {tag for tag, _ in tables.tags}
    assert not {"script", "svg", "a", "code"} & tags
    # A pipe in the text opens no cell: each table keeps its number of columns.
    answers = [row for row in tables.rows if row and row[0] == "rag4rag" and len(row) == 3]
    assert len(answers) == 5
    assert any("| <b>bold</b> & \"quoted\" 'too' $x_1$ `code` [link]" in row[1] for row in answers)


def test_spans_split_the_answer_without_losing_a_character():
    text = "Ogród Saski, the 🏛 garden"
    spans = [
        {"start": 13, "end": 18, "text": "", "confidence": 0.7},
        {"start": 0, "end": 11, "text": "", "confidence": 0.9},
        {"start": 5, "end": 14, "text": "", "confidence": 0.2},  # overlaps both
        {"start": 17, "end": 99, "text": "", "confidence": 0.4},  # beyond the end
        {"start": 7, "end": 7, "text": "", "confidence": 0.4},
    ]
    pieces = split_spans(text, spans)
    assert pieces == [
        ("Ogród Saski", 0.9),
        (", t", 0.2),
        ("he 🏛", 0.7),
        (" garden", 0.4),
    ]
    assert "".join(piece for piece, _ in pieces) == text
    assert split_spans(text, None) == [(text, None)]


def test_the_human_answer_is_marked_as_a_whole_word():
    assert mark_answer("In 1901 there were 19 mills.", "19") == [
        ("In 1901 there were ", None),
        ("19", 1.0),
        (" mills.", None),
    ]
    assert mark_answer("İstanbul and IZMIR", "izmir")[1] == ("IZMIR", 1.0)
    assert mark_answer("salt", "glass") == [("salt", None)]


def test_examples_are_of_every_kind_and_take_turns():
    compared = compare(make_rows(60), bootstrap=100, by=())
    chosen, counts = choose_examples(compared, 30)
    assert len(chosen) == 30
    kinds = [kind for kind, count in counts.items() if count]
    assert {kind for e in chosen[: len(kinds)] for kind in e.kinds} == set(kinds)
    transitions = compared.pairs["zero_shot_vs_rag4rag"].transitions
    assert counts["fixed"] == transitions["flagged"]["grounded"]
    assert counts["broken"] == transitions["grounded"]["flagged"]
    assert counts["same"] == transitions["grounded"]["grounded"]


def test_text_that_escapes_to_five_times_its_size(tmp_path: Path):
    """Every field long and full of what HTML writes as an entity; many spans; a long arm."""
    spans = [{"start": i, "end": i + 1, "confidence": 0.9} for i in range(0, 4_000, 2)]
    long = {"question": "&" * 9_000, "title": "<" * 9_000, "human_answer": '"' * 9_000}
    rows = [
        row
        | long
        | {"context": "&" * 30_000, "answer": "'" * 9_000, "hallucinated_spans": spans}
        | ({"arm": "x" * 300} if row["arm"] == "rag4rag" else {})
        for row in make_rows(60)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a plot without room for its labels warns
        write_report(compare(rows, bootstrap=100, candidate="x" * 300), tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert len(html.encode()) < 2_000_000
    assert 0 < html.count('<article class="example"') < 60
    assert "[…] (20,000 more characters)" in html


def test_a_test_and_an_interval_that_disagree_are_told(tmp_path: Path):
    """Five passages that all get better: no test by passages can be sure, p = 2 / 2**5."""
    flags = {"zero_shot": (3, 4, 3, 4, 3), "rag4rag": (1, 0, 1, 0, 1)}
    rows = [
        row | {"answer": "salt", "abstained": False, "hallucination_score": float(question < flag)}
        for row in make_rows(5, arms=("zero_shot", "rag4rag"))
        for question, flag in [(int(row["id"][-1]), flags[row["arm"]][int(row["passage_id"][1:])])]
    ]
    _, html, markdown = report(rows, tmp_path)
    told = "disagree on whether there is a difference, so none is claimed: Hallucinated, where both"
    assert told in html
    assert told in markdown


@pytest.mark.parametrize("passages", [1, 8])
def test_a_rate_without_an_interval(tmp_path: Path, passages: int):
    """One passage, or all with the same mix of flags: resamples agree, and no interval is told."""
    rows = [
        row | {"answer": "salt", "abstained": False, "hallucination_score": score}
        for row in make_rows(passages)
        for score in [0.9 if row["id"].endswith("0") else 0.1]
    ]
    page, _, _ = report(rows, tmp_path)
    assert any("33.3%" in cell for row in page.rows for cell in row)


def test_one_arm_alone(tmp_path: Path):
    _, html, markdown = report(make_rows(12, arms=("rag4rag",)), tmp_path)
    assert "None" not in re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    assert "None" not in markdown


def test_much_data_stays_under_two_megabytes_and_says_what_it_left_out(tmp_path: Path):
    rows = [row | {"context": "A long passage. " * 200} for row in make_rows(300)]
    _, html, _ = report(rows, tmp_path)
    assert len(html.encode()) < 2_000_000
    shown = html.count('<article class="example"')
    assert 100 < shown < 900
    assert f"{shown} of 900 questions, the most instructive first" in html


def test_a_single_arm_and_an_arm_without_answers(tmp_path: Path):
    alone = [r | {"human_answer": None} for r in make_rows(4, arms=("zero_shot",))]
    _, html, markdown = report(alone, tmp_path)
    assert "There is no arm to compare." in html
    assert "What changed" not in html + markdown
    assert not (tmp_path / "plots" / "f1.png").exists()
    silent = [r | {"arm": "rag4rag", "answer": None, "abstained": True} for r in alone]
    _, html, _ = report(alone + silent, tmp_path)
    assert "rag4rag answered none of 12 questions" in html
    assert "cannot win" in html
