"""Text of the data inside Markdown: shown as it is, never read as markup."""

import re
from typing import Any

from markupsafe import Markup

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")


def escape_markdown(value: Any, *, keep_ends: bool = False) -> Any:
    """For every `{{ }}` of a Markdown template; figures and `Markup` pass.

    `keep_ends` keeps white space at the ends: for pieces that stand side by side.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = re.sub(r"\s+", " ", value)  # a line break would end the table row
    text = text if keep_ends else text.strip()
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text)
