"""Our columns, and the names that other sources have for them."""

import re

from distilabel_rag4rag.data.readers.table import Table
from distilabel_rag4rag.errors import ConfigError

PASSAGE_COLUMNS = ("passage_id", "title", "context")
GOLD_COLUMNS = ("human_answer", "human_answers")
ROW_COLUMNS = ("id", *PASSAGE_COLUMNS, "question", *GOLD_COLUMNS, "answerable")

#: Other names that are understood without `columns`, where only one of them is present.
ALIASES = {
    "context": ("text", "passage"),
    "question": ("anchor", "query"),
    "human_answers": ("human_positive", "answers"),
    "answerable": ("is_impossible",),
}

#: Columns that may hold people's answers, and are read only where the user says so.
_LIKE_GOLD = re.compile(
    r"^(?:(?:gold|expected|reference|correct|ideal|short|target|human)_?)?answers?(?:_?(?:text|spans?))?$"
    r"|^(?:ground_?truths?|references?|gold)$",
    re.IGNORECASE,
)


def map_columns(
    table: Table,
    columns: dict[str, str | None] | None,
    wanted: tuple[str, ...],
    needed: tuple[str, ...],
    notes: list[str],
) -> dict[str, str]:
    """Which column of the table each of our columns is read from.

    Args:
        table: the source.
        columns: our names to the source's, as the user gave them.
        wanted: the columns to look for.
        needed: those of them that must be found.
        notes: gets a sentence for each column that is found under another name.

    Raises:
        ValueError: if a needed or a named column is missing, or several could be meant.
    """
    columns = columns or {}
    if unknown := [name for name in columns if name not in ROW_COLUMNS]:
        raise ConfigError("columns", unknown, f"some of {list(ROW_COLUMNS)} as keys")
    # Both columns of human answers mean the same: where one is named, the other is not looked for.
    named = columns if set(GOLD_COLUMNS) & set(columns) else dict.fromkeys(table.columns)
    one_is_named = bool(set(GOLD_COLUMNS) & set(named))
    mapping = {}
    for ours in wanted:
        if ours in columns:
            theirs = columns[ours]
            candidates = [theirs] if theirs else []
        elif ours in GOLD_COLUMNS and one_is_named:
            candidates = [ours] if ours in named else []
        elif ours in table.columns:
            candidates = [ours]
        else:
            candidates = [alias for alias in ALIASES.get(ours, ()) if alias in table.columns]
        if len(candidates) > 1:
            raise ConfigError(
                "columns",
                candidates,
                f"one column for {ours} in {table.name}",
                f"Name it with `columns.{ours}`.",
            )
        missing = not candidates and ours in needed
        if missing or not set(candidates) <= set(table.columns):
            names = candidates or [ours, *ALIASES.get(ours, ())]
            hint = f"If it is there, name it with `columns.{ours}`."
            if table.is_text:
                hint = "Documents alone hold no questions: a `question` column is needed."
            elif ours == "context" and "question" in needed:
                hint += " Questions alone can be compared with passages from a `corpus`."
            raise ConfigError(
                "columns",
                table.columns,
                f"a column for {ours} in {table.name}: {' or '.join(map(repr, names))}",
                hint,
            )
        if candidates:
            mapping[ours] = candidates[0]
            # SQuAD's own name for the opposite of `answerable` needs no note.
            if ours not in (*columns, candidates[0], "answerable"):
                notes.append(f"{table.name}: {ours!r} is read from the column {candidates[0]!r}")
    golds_are_open = not set(GOLD_COLUMNS) & {*mapping, *columns}
    likely = [name for name in table.columns if _LIKE_GOLD.search(name)]
    if "human_answers" in wanted and golds_are_open and likely:
        quoted = " or ".join(map(repr, likely))
        notes.append(
            f"{table.name}: no human answers are read; the column {quoted} may be an LLM's."
            " If people wrote it, name it with `columns.human_answer`."
        )
    return mapping
