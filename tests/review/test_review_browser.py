"""A person reviews in a real browser; RAG4RAG_SCREENSHOTS names a folder for pictures of it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.review_server.server import WORKSPACE, Server, running_server
from playwright.sync_api import Page, expect, sync_playwright

from distilabel_rag4rag.review.connect import connect
from distilabel_rag4rag.review.page_text import page_text
from distilabel_rag4rag.review.pull import pull
from distilabel_rag4rag.review.push import push

pytestmark = [pytest.mark.browser, pytest.mark.argilla]

BROWSERS = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")

ANSWER = "🎉 <b>Orvelle</b> was founded in 1901 by Ines Karoly & her monks."
ROW = {
    "arm": "zero_shot",
    "id": "q1",
    "passage_id": "p1",
    "question": "When was Orvelle founded, and by whom?",
    "context": (
        "Orvelle is a market town on the river Ash. It was founded in 1284 by Ines Karoly, who had"
        " lost a lawsuit about a mill and wanted to live where nobody knew of it. For two"
        " centuries the town lived on salt; the old warehouses are now a library & a bath."
    ),
    "answer": ANSWER,
    "hallucinated_spans": [
        {
            "start": ANSWER.index(text),
            "end": ANSWER.index(text) + len(text),
            "text": text,
            "confidence": confidence,
        }
        for text, confidence in (("1901", 0.97), ("Ines Karoly", 0.55), ("her monks", 0.7))
    ],
    "hallucination_score": 0.97,
}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1120, "height": 700})
        page.set_default_timeout(30_000)
        # The page asks other hosts for fonts and news; a test asks no host.
        page.route(lambda url: not url.startswith("http://127.0.0.1"), lambda route: route.abort())
        yield page
        browser.close()


def log_in(page: Page, url: str) -> None:
    """To a dataset, through the form; a browser that was there before is let in without it."""
    page.goto(url)
    name = page.locator("input[name=Username]")
    expect(name.or_(page.get_by_text("Guidelines", exact=True)).first).to_be_visible()
    if name.is_visible():
        name.fill("ann")
        page.locator("input[name=Password]").fill("ann-password")
        page.get_by_role("button", name="Sign in").click()


def picture(page: Page, name: str) -> None:
    """Saved where RAG4RAG_SCREENSHOTS says, if it says so."""
    if folder := os.environ.get("RAG4RAG_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")


def highlighted(page: Page) -> list[str]:
    """The words under each highlight, in the order of the text."""
    ranges: list[tuple[int, str]] = page.evaluate(
        """() => [...CSS.highlights.values()].flatMap((h) => [...h])
          .map((range) => [range.startOffset, range.toString()])"""
    )
    return [text for _, text in sorted(ranges)]


def place(page: Page, text: str) -> dict[str, float]:
    """Where some words of the answer stand in the window."""
    found: dict[str, float] = page.evaluate(
        """(text) => {
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const at = node.data.indexOf(text);
            if (at < 0 || !node.data.includes('1901')) continue;
            const range = document.createRange();
            range.setStart(node, at);
            range.setEnd(node, at + text.length);
            return range.getBoundingClientRect().toJSON();
          }
        }""",
        text,
    )
    return found


def mark(page: Page, text: str) -> None:
    """Draws over some words of the answer with the mouse."""
    box = place(page, text)
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 1, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.move(box["x"] + box["width"] - 1, middle)
    page.mouse.up()


def test_a_person_corrects_the_spans(page: Page) -> None:
    server: Server = running_server()
    client: Any = connect(server.url, server.key("olga"))
    where = {"dataset": "browser", "workspace": WORKSPACE}
    done = push([ROW], client=client, design="all", **where)

    log_in(page, done.url)
    for text in (ROW["question"], ROW["context"], ANSWER):
        expect(page.get_by_text(page_text(text))).to_be_visible()
    expect(page.locator(".span-entity")).to_have_count(3)
    assert highlighted(page) == ["1901", "Ines Karoly", "her monks"]
    picture(page, "1-opened")

    page.locator(".span-entity").nth(1).hover()  # Ines Karoly is right
    page.locator(".span-entity__close-button").nth(1).click()
    expect(page.locator(".span-entity")).to_have_count(2)
    page.locator("label[title=Hallucinated][for^=spans]").click()
    mark(page, "Orvelle")  # the judge missed it, let us say
    expect(page.locator(".span-entity")).to_have_count(3)
    assert highlighted(page) == ["Orvelle", "1901", "her monks"]
    page.get_by_text("Partly").click()
    page.locator(".textarea").first.click()
    page.keyboard.insert_text("1284, by Ines Karoly 🎉")
    picture(page, "2-corrected")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("100.00%")).to_be_visible()
    picture(page, "3-submitted")

    found = pull([ROW], client=client, **where)
    (label,) = found.gold.to_dict("records")
    assert label["gold_hallucinated"] is True
    assert label["gold_verdict"] == "partly"
    assert [s["text"] for s in label["gold_spans"]] == ["Orvelle", "1901", "her monks"]
    assert label["gold_suggestion"] == "edited"
    assert label["gold_answer"] == "1284, by Ines Karoly 🎉"
    assert label["gold_by"] == ["ann"]


def test_the_guidelines_stand_beside_a_record(page: Page) -> None:
    server: Server = running_server()
    client: Any = connect(server.url, server.key("olga"))
    answer = "Orvelle was founded in 1901 by Ines Karoly, a widow."
    spans = [
        {"start": answer.index(text), "end": answer.index(text) + len(text), "confidence": 0.9}
        for text in ("1901", "a widow")
    ]
    row = {**ROW, "answer": answer, "hallucinated_spans": spans}
    where = {"dataset": "orvelle", "workspace": WORKSPACE}
    done = push([row], client=client, design="all", **where)
    log_in(page, done.url)
    expect(page.locator(".span-entity")).to_have_count(2)
    assert highlighted(page) == ["1901", "a widow"]
    picture(page, "annotation")
    page.get_by_role("button", name="Expand Panel").first.click()
    expect(page.get_by_text("Judge the answer by the passage alone")).to_be_visible()
    expect(page.locator("td", has_text="1989").first).to_be_attached()
    picture(page, "guidelines")
