"""The report in a real browser: filter, search, and a hostile passage that does not run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.comparison_rows import make_rows
from helpers.hostile_rows import HOSTILE, hostile_rows
from playwright.sync_api import Page, expect, sync_playwright

from distilabel_rag4rag.comparison import compare
from distilabel_rag4rag.report import write_report

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """An installed Chromium, or the one that `playwright install chromium` fetched."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture
def page(browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    page = browser.new_page(**getattr(request, "param", {}))
    page.set_default_timeout(10_000)
    yield page
    page.close()


@pytest.fixture(scope="module")
def comparison():
    return compare(make_rows(30), bootstrap=200)


@pytest.fixture(scope="module")
def report(comparison, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("report")
    write_report(comparison, out)
    return (out / "report.html").as_uri()


def test_filter_and_search(page: Page, report: str, comparison):
    page.goto(report)
    examples = page.locator(".example:visible")
    expect(page.locator("#status")).to_have_text("20 of 90 shown")
    expect(examples).to_have_count(20)
    page.get_by_role("button", name="Show more").click()
    expect(examples).to_have_count(40)

    broken = comparison.pairs["zero_shot_vs_rag4rag"].transitions["grounded"]["flagged"]
    assert 0 < broken < 20
    chip = page.get_by_role("button", name="broken")
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(examples).to_have_count(broken)
    assert all("broken" in e.inner_text() for e in examples.all())

    page.get_by_role("button", name="all").click()
    page.get_by_role("searchbox").fill("tarnwick FOUNDED when")  # all words, in any order and case
    ours = [r["question"] for r in make_rows(30) if r["arm"] == "rag4rag"]
    expected = sorted(q for q in ours if q.startswith("When was Tarnwick"))
    expect(examples).to_have_count(len(expected))
    assert sorted(e.locator("h3").inner_text() for e in examples.all()) == expected
    page.get_by_role("searchbox").fill("no such words")
    expect(page.locator("#status")).to_have_text("Nothing found.")
    expect(examples).to_have_count(0)


def test_a_hostile_passage_is_shown_and_not_run(page: Page, tmp_path: Path):
    write_report(compare(hostile_rows(), bootstrap=100), tmp_path, title=HOSTILE)
    heard: list[str] = []
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda message: heard.append(message.text))
    page.on("request", lambda r: heard.append(r.url) if not r.url.startswith("file:") else None)
    page.goto((tmp_path / "report.html").as_uri())
    page.get_by_role("button", name="fixed").click()
    page.get_by_role("searchbox").fill("window.hacked")
    expect(page.locator(".example:visible").first).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert page.locator(".passage").first.inner_text() == " ".join(HOSTILE.split())
    assert page.locator("h1").inner_text() == HOSTILE
    assert heard == []


def test_a_script_that_got_into_the_page_would_still_not_run(page: Page, report: str):
    path = Path(report.removeprefix("file://"))
    broken = path.with_name("broken.html")
    attack = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
    broken.write_text(path.read_text().replace("<main>", f"<main>{attack}"))
    page.goto(broken.as_uri())
    expect(page.locator("#status")).to_have_text("20 of 90 shown")  # ours does
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize(
    "page",
    [
        {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
        for width in (360, 768, 1280)
        for scheme in ("light", "dark")
    ],
    indirect=True,
    ids=str,
)
def test_nothing_is_wider_than_the_window_and_text_can_be_read(page: Page, report: str):
    page.goto(report)
    width = page.evaluate("window.innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sizes = page.evaluate(
        "[...document.querySelectorAll('.chart text')].map(t => t.getBoundingClientRect().height)"
    )
    assert sizes
    assert min(sizes) >= 9
    contrast = page.evaluate(
        """() => {
          const light = (c) => {
            const [r, g, b] = c.match(/[\\d.]+/g).map(Number).map((v) => v / 255)
              .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const paper = light(getComputedStyle(document.body).backgroundColor);
          return ['body', '.meta', '.note', 'mark.span', '.chart text'].map((s) => {
            const style = getComputedStyle(document.querySelector(s));
            const own = style.backgroundColor;
            const under = own === 'rgba(0, 0, 0, 0)' ? paper : light(own);
            const ink = light(s === '.chart text' ? style.fill : style.color);
            return (Math.max(ink, under) + 0.05) / (Math.min(ink, under) + 0.05);
          });
        }"""
    )
    assert min(contrast) >= 4.5, contrast
