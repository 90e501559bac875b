"""The rows that `report` and `review` are about."""

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from distilabel_rag4rag.data.published_rows import published_rows
from distilabel_rag4rag.data.readers.open_table import open_table
from distilabel_rag4rag.data.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)


def read_rows(source: str, split: str | None = None) -> "pd.DataFrame":
    """All columns of a folder of `compare`, of what `publish` wrote, or of any other data."""
    import pandas as pd

    folder = RunFolder(Path(source))
    if folder.has_rows:
        return folder.rows().to_pandas()
    if re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", source) and not folder.path.exists():
        rows = published_rows(source, split)
        if rows is not None:
            return rows
    table = open_table(source, split)
    for note in table.notes:
        _logger.warning("%s", note)
    return pd.DataFrame(list(table.rows(table.columns)))
