"""The card as Markdown: tables hold, pictures are there, text of the data is only text."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from helpers.hostile_rows import HOSTILE, Page
from helpers.publish_runs import TERMS, marked_rows, write_run
from markdown_it import MarkdownIt

from distilabel_rag4rag.hub.card import BEGIN, END, write_card
from distilabel_rag4rag.hub.card import terms as check_terms
from distilabel_rag4rag.hub.card_metadata import (
    default_set_by_a_person,
    files_without_config,
    size_category,
)
from distilabel_rag4rag.hub.errors import PublishError
from distilabel_rag4rag.hub.publication import collect


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
    publication = collect(run)
    said = check_terms(False, "ann/x", title=more.pop("title", None), **{**TERMS, **more})
    return write_card(publication, said, "ann/x", existing)


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


@pytest.mark.parametrize(
    ("head", "found"),
    [
        *(
            ("on: 1", "found the key True"),
            ("1: 2", "found the key 1"),
            ("tags: 5", "tags: found 5"),
        ),
        *(("tags: {a: b}", "tags: found {'a': 'b'}"), ("configs: foo", "configs: found 'foo'")),
        *(("configs:\n- a", "configs: found ['a']"), ("dataset_info: 3", "dataset_info: found 3")),
    ],
)
def test_an_odd_head_is_a_sentence(run: Path, head: str, found: str) -> None:
    with pytest.raises(PublishError) as failed:
        card_of(run, existing=f"---\n{head}\n---\n# mine\n")
    assert f"({found}" in str(failed.value)
    assert "Mend it on the Hub and publish again." in str(failed.value)


def test_a_persons_default_stays_the_default(run: Path) -> None:
    mine = {"config_name": "mine", "data_files": "mine/*.csv", "default": True}
    card = card_of(run, existing=f"---\n{yaml.safe_dump({'configs': [mine]})}---\n# x\n")
    found = yaml.safe_load(card.split("---")[1])["configs"]
    assert [c["config_name"] for c in found if c.get("default")] == ["mine"]
    assert "(default)" not in card
    assert "without the name of a config loads mine, which is not of this" in card


def test_two_defaults_are_refused() -> None:
    mine = {"configs": [{"config_name": "mine", "default": True}]}
    assert default_set_by_a_person(mine, {"rag4rag"}) == "mine"
    assert default_set_by_a_person({"configs": [{"data_files": "a.csv"}]}, {"rag4rag"}) == "default"
    assert default_set_by_a_person(mine, {"mine"}) is None
    with pytest.raises(PublishError, match="take `default: true` from 'mine'"):
        default_set_by_a_person(mine, {"default"})


def test_loose_files_are_told() -> None:
    head = "---\nconfigs:\n- config_name: a\n  data_files: named.csv\n---\n"
    files = ["train.csv", "named.csv", "b/x.csv", "notes.md", ".gitattributes"]
    assert files_without_config(head, files) == ["train.csv"]
    assert files_without_config(None, ["x.parquet"]) == ["x.parquet"]


def test_without_arms_the_card_says_nothing_of_them(run: Path) -> None:
    said = check_terms(False, "ann/x", title=" \n ", **TERMS)
    whole = card_of(run)
    card = write_card(collect(run, ["pairs", "passage_pairs"]), said, "ann/x", None)
    assert "`rag4rag report ann/x --out report`" in whole
    assert "rag4rag report ann/x" not in card
    assert "are not published here." in card
    assert "- Not published: the rows of " in card
    assert "\n# x\n" in card  # a blank title is none


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        (True, "of 9 human answers, all of which their passage supports: false alarms."),
        (False, "of 9 human answers; where these are right, that is a false alarm."),
    ],
)
def test_false_alarms_are_certain_only_in_the_sample_world(
    run: Path, ours: bool, words: str
) -> None:
    publication = collect(run)
    publication.sample_world = ours
    publication.summary["judge"]["human_answers"] = {"rows": 9, "rate": 0.1, "rate_ci": [0.0, 0.2]}
    said = check_terms(False, "ann/x", title=None, **TERMS)
    assert words in write_card(publication, said, "ann/x", None)


def test_the_card_trains_without_false_negatives(run: Path) -> None:
    assert "batch_sampler=BatchSamplers.NO_DUPLICATES" in card_of(run)
    assert "set to your own copy of the questions" in card_of(run)


def test_a_missing_test_split_is_told(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", marked_rows(1))
    assert "There is no test split" in card_of(one)


def test_languages_may_have_regions() -> None:
    assert check_terms(False, "a/x", "mit", "pt-BR, en", "x", None).language == ("pt-BR", "en")
