"""Text that would break a page if it were read as markup, and a parser that says what was read."""

from html.parser import HTMLParser

from helpers.comparison_rows import make_rows

HOSTILE = (
    "<script>window.hacked = 1</script></script><img src=x onerror='window.hacked = 2'>"
    "<svg onload=alert(1)> {{ 7 * 7 }} {% raw %} | <b>bold</b> & \"quoted\" 'too' $x_1$ `code` "
    "[link](javascript:alert(1)) <!-- ]]>"
)


class Page(HTMLParser):
    """Every tag with its attributes, and the text of the table cells by row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open:
            self.rows[-1][-1] += data


def hostile_rows() -> list[dict]:
    rows = make_rows(6)
    for row in rows:
        row |= {"context": HOSTILE, "question": HOSTILE + row["id"], "title": HOSTILE}
        if row["answer"]:
            text = f"{row['answer']} {HOSTILE}"
            span = {"start": 3, "end": 30, "text": text[3:30], "confidence": 0.9}
            row |= {"answer": text, "hallucinated_spans": [span]}
        row |= {"human_answer": "window.hacked = 1", "answer_reason": HOSTILE}
        row["arm"] = {"gold_context": "<script>hacked</script>#$1$"}.get(row["arm"], row["arm"])
    return rows
