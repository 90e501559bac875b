"""A judge's figures on labelled answers as tables and sentences."""

from collections.abc import Callable, Mapping, Sequence

from distilabel_rag4rag.comparison.formatting import UNKNOWN, number, percent
from distilabel_rag4rag.comparison.judge_calibration import Bin, Calibration
from distilabel_rag4rag.comparison.judge_quality import KindQuality
from distilabel_rag4rag.comparison.statistics import Estimate
from distilabel_rag4rag.utils.markdown import escape_markdown

#: Judge -> its figures.
Qualities = Mapping[str, Sequence[KindQuality]]


class TextTable:
    """A heading, the names of the columns and the cells, as text."""

    def __init__(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.title, self.columns, self.rows = title, list(columns), [list(row) for row in rows]

    def markdown(self) -> str:
        """The table in Markdown, its title above it."""
        lines = [f"**{escape_markdown(self.title)}**", ""]
        for row in (self.columns, ["---"] * len(self.columns), *self.rows):
            lines.append(f"| {' | '.join(map(escape_markdown, row))} |")
        return "\n".join(lines) + "\n"


def quality_tables(qualities: Qualities) -> list[TextTable]:
    """False alarms, AUROC, what is caught, precision, and spans; a row per kind, a column per
    judge. Kinds without figures are left out."""
    wanted: list[tuple[str, bool, Callable[[KindQuality], Estimate | None], Callable[..., str]]] = [
        ("False alarms: supported answers that are flagged", False, lambda k: k.flagged, percent),
        ("AUROC against supported answers", True, lambda k: k.auroc, _three_digits),
        ("Caught: unsupported answers that are flagged", True, lambda k: k.flagged, percent),
        ("Precision of the flags", True, lambda k: k.precision, percent),
        ("F1 of the spans, over characters", True, lambda k: _plain(k.span_f1), _three_digits),
        ("Precision of the spans", True, lambda k: _plain(k.span_precision), _three_digits),
        ("Recall of the spans", True, lambda k: _plain(k.span_recall), _three_digits),
    ]
    tables = []
    for title, unsupported, figure, text in wanted:
        judges = [
            judge
            for judge, kinds in qualities.items()
            if any(figure(kind) for kind in kinds if kind.unsupported == unsupported)
        ]
        rows: dict[str, list[str]] = {}
        for judge in judges:
            for kind in qualities[judge]:
                if kind.unsupported == unsupported and (found := figure(kind)) is not None:
                    row = rows.setdefault(
                        kind.kind, [kind.kind, str(kind.rows), *[UNKNOWN] * len(judges)]
                    )
                    row[2 + judges.index(judge)] = text(found)
        if rows:
            tables.append(TextTable(title, ["kind", "rows", *judges], list(rows.values())))
    return tables


def reliability_table(title: str, found: Sequence[Bin]) -> TextTable:
    """What share of the answers with a score was unsupported."""
    rows = [
        [
            f"{one.low:.1f} to {one.high:.1f}",
            str(one.rows),
            f"{one.mean_score:.2f}",
            f"{one.share_unsupported:.2f}",
        ]
        for one in found
    ]
    return TextTable(title, ["score", "answers", "mean score", "unsupported"], rows)


def describe_calibration(found: Calibration) -> list[str]:
    """What was found, in sentences."""
    threshold = number(found.threshold, digits=4)
    lines = [
        f"{found.rows} labelled answers to {found.questions} questions: {found.supported}"
        f" supported, {found.unsupported} not{', weighted' if found.weighted else ''}."
        f" AUROC {_three_digits(found.auroc)}.",
        f"For at most {found.wanted:.1%} false alarms: threshold {threshold}. It flags"
        f" {percent(found.false_alarms)} of these supported answers and catches"
        f" {percent(found.caught)} of the unsupported ones.",
    ]
    if not found.is_kept:
        lines.append(
            f"No threshold gives so few: more than {found.wanted:.1%} of the supported answers have"
            " the highest score that there is. Take another judge."
        )
    if found.false_alarms_elsewhere is not None:
        lines.append(
            "Chosen and tried on different questions, such a threshold flags"
            f" {found.false_alarms_elsewhere:.1%} of the supported answers: expect that of new"
            " ones."
        )
    if found.supported * found.wanted < 1:
        lines.append(
            f"{found.supported} supported answers are too few to tell {found.wanted:.1%} from"
            " less: the threshold lies just above the highest score among them. Label more."
        )
    if found.even is not None:
        lines.append(
            f"From a score of {found.even:.2f} on an answer is more likely unsupported than not,"
            " among answers like these."
        )
    return lines


def _three_digits(estimate: Estimate) -> str:
    return number(estimate, digits=3)


def _plain(value: float | None) -> Estimate | None:
    return None if value is None else Estimate(value)
