"""The card as Markdown: tables hold, pictures are there, text of the data is only text."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt
from publish_runs import TERMS, marked_rows, write_run
from test_report import HOSTILE, Page

from distilabel_rag4rag.publish.card import BEGIN, END, size_category, write_card
from distilabel_rag4rag.publish.card import terms as check_terms
from distilabel_rag4rag.publish.errors import PublishError
from distilabel_rag4rag.publish.material import gather


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose every text is hostile, with a prompt and plots."""
    rows = marked_rows(8)
    for row in rows:
        row |= {
            "model_name": HOSTILE,
            "context": HOSTILE + row["context"],
            "answer_reason": HOSTILE,
        }
    folder = write_run(tmp_path_factory.mktemp("card") / "run", rows, source=HOSTILE)
    summary = json.loads((folder / "summary.json").read_text())
    summary["notes"].append(HOSTILE)
    (folder / "summary.json").write_text(json.dumps(summary))
    step = {
        "name": "answer",
        "llm": {},
        "style": "short",
        "system_template": "Fences:\n````\n{{ 7 * 7 }} <b>\n",
        "type_info": {"module": "m", "name": "GroundedAnswerGeneration"},
    }
    pipeline = {"pipeline": {"name": "p", "steps": [{"step": step, "name": "answer"}]}}
    (folder / "pipelines" / "rag4rag.yaml").write_text(yaml.safe_dump(pipeline))
    (folder / "plots").mkdir()
    for name in ("scores", "hallucination_rate"):
        (folder / "plots" / f"{name}.png").write_bytes(b"\x89PNG")
    return folder


def card_of(run: Path, existing: str | None = None, **more: str) -> str:
    material = gather(run)
    said = check_terms(False, "ann/x", title=more.pop("title", None), **{**TERMS, **more})
    return write_card(material, said, "ann/x", existing)


def test_hostile_text_is_text(run: Path) -> None:
    text = card_of(run, title=HOSTILE, passages=HOSTILE + "<!-- rag4rag: … to here. -->")
    head, body = re.fullmatch(r"---\n(.*?)\n---\n(.*)", text, re.DOTALL).groups()
    assert yaml.safe_load(head)["pretty_name"] == HOSTILE
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(body)
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert tags <= {
        *("h1", "h2", "p", "strong", "em", "a", "ul", "li", "code", "pre", "img", "table"),
        *("thead", "tbody", "tr", "th", "td"),
    }
    links = [
        value
        for _, attributes in page.tags
        for key, value in attributes.items()
        if key in ("href", "src")
    ]
    assert all(link.startswith(("https://", "assets/")) for link in links)
    assert [link for link in links if link.startswith("assets/")] == [
        "assets/hallucination_rate.png",
        "assets/scores.png",
    ]
    assert {len(row) for row in page.rows} == {2, 3, 9}
    assert "{{ 7 * 7 }} &lt;b&gt;" in html  # the prompt, in its own fence
    assert body.count("<!-- rag4rag: … to here.") == 1


def test_writing_it_again_gives_the_same_card(run: Path) -> None:
    once = card_of(run)
    assert card_of(run, existing=once) == once


def test_the_snippets_are_python(run: Path) -> None:
    for code in re.findall(r"```python\n(.*?)```", card_of(run), re.DOTALL):
        compile(code, "card", "exec")


@pytest.mark.parametrize("head", ["a: [1", "- a\n- b", "a: b: c"])
def test_yaml_that_cannot_be_read_is_said(run: Path, head: str) -> None:
    with pytest.raises(PublishError, match=r"README\.md that is there cannot be read"):
        card_of(run, existing=f"---\n{head}\n---\n# x\n")


def test_configs_of_others_stay_in_the_yaml(run: Path) -> None:
    mine = {"config_name": "mine", "data_files": "mine/*.csv"}
    head = yaml.safe_dump({"configs": [mine], "tags": "old", "task_categories": ["other"]})
    found = yaml.safe_load(card_of(run, existing=f"---\n{head}---\n# x\n").split("---")[1])
    assert mine in found["configs"]
    assert [c["config_name"] for c in found["configs"] if c.get("default")] == ["rag4rag"]
    assert found["tags"] == ["old", "synthetic", "distilabel", "rag4rag"]
    assert found["task_categories"] == ["other"]


@pytest.mark.parametrize(
    ("rows", "category"),
    [
        *((1, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (9_999, "1K<n<10K")),
        *((10_000, "10K<n<100K"), (999_999, "100K<n<1M"), (10**8, "100M<n<1B")),
    ],
)
def test_the_size_is_counted_in_rows(rows: int, category: str) -> None:
    assert size_category(rows) == category


MARKERS = {
    "end deleted": lambda text: text.replace(END, ""),
    "begin deleted": lambda text: text.replace(BEGIN, ""),
    "doubled": lambda text: text + text.partition("# x\n")[2],
    "turned": lambda text: text.replace(BEGIN, "@").replace(END, BEGIN).replace("@", END),
}


@pytest.mark.parametrize("change", MARKERS.values(), ids=MARKERS)
def test_markers_that_do_not_tell_what_is_ours_stop_it(
    run: Path, change: Callable[[str], str]
) -> None:
    text = change(card_of(run)) + "\nMy own words.\n"
    with pytest.raises(PublishError, match=r"holds \d markers .*, expected one of each") as failed:
        card_of(run, existing=text)
    assert "put them around that part again, or delete the part" in str(failed.value)


def test_windows_line_ends_hold_our_part_once(run: Path) -> None:
    text = card_of(run).replace("\n", "\r\n") + "mine\r\n"
    again = card_of(run, existing=text)
    assert again.count("## Citation") == 1
    assert again.rstrip().endswith("mine")
