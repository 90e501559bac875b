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

pytestmark = pytest.mark.slow


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
    assert mark_answer("In 1901 there were 19 mills.", ["19"]) == [
        ("In 1901 there were ", None),
        ("19", 1.0),
        (" mills.", None),
    ]
    assert mark_answer("İstanbul and IZMIR", ["izmir"])[1] == ("IZMIR", 1.0)
    assert mark_answer("salt", ["glass"]) == [("salt", None)]


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
    sentence = (
        "disagree on whether there is a difference, so none is claimed: Hallucinated, where both"
    )
    assert sentence in html
    assert sentence in markdown


@pytest.mark.parametrize("passages", [1, 8])
def test_a_rate_without_an_interval(tmp_path: Path, passages: int):
    """One passage, or all with the same mix of flags: resamples agree, and no interval is given."""
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
    assert "There is no other arm to compare with." in html
    assert "What changed" not in html + markdown
    assert not (tmp_path / "plots" / "f1.png").exists()
    silent = [r | {"arm": "rag4rag", "answer": None, "abstained": True} for r in alone]
    _, html, _ = report(alone + silent, tmp_path)
    assert "rag4rag answered none of 12 questions" in html
    assert "cannot win" in html


def text_of(html: str) -> str:
    text = re.sub(r"<[^>]+>", " ", html.replace("\u00a0", " "))
    return " ".join(text.replace("&lt;", "<").replace("&#39;", "'").split())


def rows_with(*kinds: dict) -> list[dict]:
    """A row of zero_shot and of rag4rag per kind: `a` and `b` hold what differs from the rest."""
    base = {"human_answer": "salt", "answer": "salt", "hallucination_score": 0.1, "context": "x"}
    rows = []
    for number, kind in enumerate(kinds):
        for arm, key in (("zero_shot", "a"), ("rag4rag", "b")):
            ids = {"arm": arm, "id": f"q{number}", "passage_id": f"p{number}", "question": "?"}
            common = {name: value for name, value in kind.items() if name not in "ab"}
            rows.append(ids | base | common | kind.get(key, {}))
    return rows


FLAGGED, SURE = {"hallucination_score": 0.7}, {"hallucination_score": 0.99}


def test_examples_begin_with_those_that_are_surely_of_their_kind():
    """The flag is most sure of itself where it errs: 37 for thirty-seven."""
    rows = rows_with(
        {"b": SURE | {"answer": "37"}, "human_answer": "Thirty-seven"},
        {"b": SURE | {"answer": "mostly salt and some glass"}},  # contains the human answer
        {"b": FLAGGED | {"answer": "glass of salts"}},
        {"b": FLAGGED | {"answer": "glass, salty"}},
    )
    chosen, counts = choose_examples(compare(rows, bootstrap=100, by=()), 9)
    assert counts["broken"] == 4
    assert [e.id for e in chosen] == ["q2", "q3", "q1", "q0"]


def test_what_is_called_wrong_differs_in_more_than_form():
    answers = [
        ("Thirty-seven", "37"),
        ("1,000 mills", "one thousand mills"),
        ("the third", "3rd"),
        ("World War Two", "World War II"),
        ("eau", "l’eau"),
        ("salt", "They lived on salt for two centuries."),  # F1 below 0.5, and right
        ("Torgau", "北京"),
        ("salt and glass", "salt or some other such thing"),
    ]
    rows = rows_with(*[{"human_answer": gold, "b": {"answer": b}} for gold, b in answers])
    chosen, counts = choose_examples(compare(rows, bootstrap=100, by=()), 9)
    assert counts["grounded but wrong"] == 2
    wrong = [e.id for e in chosen if "grounded but wrong" in e.kinds]
    assert wrong == ["q6", "q7"]  # no word in common before one


def test_right_in_another_form_and_flagged_is_a_likely_false_alarm():
    rows = rows_with({"human_answer": "Thirty-seven", "b": SURE | {"answer": "37"}}, {})
    _, counts = choose_examples(compare(rows, bootstrap=100, by=()), 9)
    assert (counts["flagged but right"], counts["grounded but wrong"]) == (1, 0)


@pytest.mark.parametrize(
    ("passage", "golds", "marked"),
    [
        ("他住在北京市中心。", ["北京"], "北京"),
        ("กรุงเทพมหานครเป็นเมืองหลวง", ["มหานคร"], "มหานคร"),
        ("Cafe\u0301 Saski", ["café"], "Cafe\u0301"),
        ("Café Saski", ["cafe\u0301"], "Café"),
        ("In 1712 in Torgau.", ["Pirna", "Torgau"], "Torgau"),
        ("iPhone手机卖得好", ["iPhone手机"], "iPhone手机"),
        ("In 1901", ["19"], None),
        ("안녕하세요", ["안녕"], None),
    ],
)
def test_where_a_human_answer_stands(passage: str, golds: list[str], marked: str | None):
    pieces = mark_answer(passage, golds)
    assert "".join(text for text, _ in pieces) == passage
    assert [text for text, confidence in pieces if confidence] == ([marked] if marked else [])


def test_the_page_ends_its_verdict_with_what_can_be_trained_on(tmp_path: Path):
    _, html, _ = report(make_rows(20), tmp_path)
    fit = compare(make_rows(20), bootstrap=200).to_train_on
    sentence = f"{fit.rows} of 60 rows of rag4rag are grounded, which is not the same as right"
    assert f"{sentence}." in text_of(html)
    (tmp_path / "rows.parquet").touch()
    _, html, _ = report(make_rows(20), tmp_path)
    assert f"{sentence}: rows.parquet (arm rag4rag, grounded answers)" in text_of(html)


def test_only_arms_that_ran_are_counted(tmp_path: Path):
    _, html, _ = report(make_rows(20), tmp_path)
    page = text_of(html)
    assert (
        "60 questions from 20 passages, 3 arms and repaired, computed from two of them, flagged"
        in page
    )
    assert "“repaired” was not run. It is computed from two other arms" in page
    _, html, _ = report(rows_with({}), tmp_path / "one")
    assert "1 question from 1 passage, 2 arms and repaired" in text_of(html)
    _, html, _ = report(make_rows(1, arms=("rag4rag",)), tmp_path / "alone")
    assert "3 questions from 1 passage, 1 arm, flagged" in text_of(html)


def test_failed_rows_are_shown_by_cause(tmp_path: Path):
    none = {"answer": None, "hallucination_score": None}
    rows = rows_with(
        *[{"b": none | {"answer_reason": f"400: {n} tokens | too long"}} for n in (9000, 9001)],
        {"b": none | {"answer_reason": "only reasoning"}},
        {},
    )
    page, _, markdown = report(rows, tmp_path)
    assert [row for row in page.rows if row[0] == "rag4rag" and len(row) == 3] == [
        ["rag4rag", "400: 9000 tokens | too long", "2"],
        ["rag4rag", "only reasoning", "1"],
    ]
    assert "| rag4rag | 400: 9000 tokens \\| too long | 2 |" in markdown
    assert "Rows that failed" not in report(rows_with({}), tmp_path / "none")[1]


def test_unanswerable_questions_in_the_table_of_accuracy(tmp_path: Path):
    none = {"human_answer": None, "answerable": False}
    silent = {"answer": None, "abstained": True, "hallucination_score": None}
    page, html, markdown = report(rows_with({}, none | {"b": silent}), tmp_path)
    row = next(row for row in page.rows if row[0] == "rag4rag" and len(row) == 8)
    assert "rightly abstained" in html
    assert row[-1].split()[0] == "50.0%"
    assert "(the passage holds no answer)" in html
    assert "rightly abstained |" in markdown
    assert "1 question has no answer in the passage" in text_of(html)
    _, html, markdown = report(rows_with({}, {}), tmp_path / "none")
    assert "rightly abstained" not in html + markdown


def test_official_figures_are_named_and_other_forms_counted_beside_them(tmp_path: Path):
    rows = rows_with({"human_answer": "Thirty-seven", "b": {"answer": "37"}}, {})
    page, html, _ = report(rows, tmp_path)
    assert "Exact match and F1 are those of SQuAD's official script." in text_of(html)
    assert "does not matter (thirty-seven, 37): 0 in zero_shot, 1 in rag4rag." in text_of(html)
    assert cells(page, "rag4rag")[8].startswith("0.50")  # F1 stays the official one


def test_nothing_that_could_not_be_compared_is_given_as_a_figure(tmp_path: Path):
    unjudged = {"hallucination_score": None, "judge_reason": "no model"}
    rows = rows_with(*[{"a": unjudged, "b": unjudged, "title": t} for t in ("x", "y")])
    _, html, markdown = report(rows, tmp_path)
    for page in (text_of(html), markdown):
        assert "No question was answered and judged in both arms." in page
        assert "In no slice was a question answered and judged in both" in page
        assert "The order of the arms is the same" not in page
        assert "went from flagged to grounded" not in page


def test_one_passage_per_question(tmp_path: Path):
    rows = rows_with(*[{"b": {"retrieved_ids": ["p0"]}}] * 2)
    _, html, _ = report(rows, tmp_path)
    assert "rag4rag got 1 passage per question. The question's own passage was the one" in text_of(
        html
    )
    rows = rows_with(*[{"b": {"retrieved_ids": ["p0", "p1"]}}] * 2)
    _, html, _ = report(rows, tmp_path)
    assert "rag4rag got up to 2 passages per question. The question's own" in text_of(html)
