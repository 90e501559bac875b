"""The templates of reports, filled in."""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from distilabel_rag4rag.comparison import formatting
from distilabel_rag4rag.utils.markdown import escape_markdown
from distilabel_rag4rag.utils.templates import html_templates, markdown_templates

_PACKAGE = "distilabel_rag4rag.report"
#: An interval in a sentence; no line should break inside it.
_INTERVAL = re.compile(r"\[(\S+), (\S+)\]")


def render(template: str, values: Mapping[str, Any]) -> bytes:
    """A template of this package with its values, escaped as HTML or as Markdown by its name."""
    html = template.endswith(".html.j2")
    environment = html_templates(_PACKAGE) if html else markdown_templates(_PACKAGE)
    environment.filters |= {
        "percent": formatting.percent,
        "number": formatting.number,
        "points": formatting.points,
        "gain": formatting.gain,
        "bare_p": formatting.bare_p,
        "count": formatting.count,
        "piece": lambda text: Markup(escape_markdown(text, keep_ends=True)),
        "tie": lambda text: _INTERVAL.sub("[\\1,\u00a0\\2]", text),
    }
    loader = environment.loader
    assert loader is not None
    css, script = (loader.get_source(environment, name)[0] for name in ("style.css", "report.js"))
    # The page runs this one script and no other, whatever the data hold.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {
        "css": Markup(css),
        "script": Markup(script),
        "script_hash": f"sha256-{digest}",
    }
    return environment.get_template(template).render(values).encode()
