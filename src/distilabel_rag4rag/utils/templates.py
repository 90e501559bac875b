"""The templates of reports and dataset cards."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from distilabel_rag4rag.utils.markdown import escape_markdown
from distilabel_rag4rag.utils.text import counted


def html_templates(package: str) -> Environment:
    """Templates in the folder `templates` of a package, in which every value is escaped as HTML."""
    environment = _templates(package)
    environment.autoescape = True
    return environment


def markdown_templates(package: str) -> Environment:
    """The same, in which every value is escaped as Markdown."""
    environment = _templates(package)
    environment.finalize = escape_markdown
    return environment


def _templates(package: str) -> Environment:
    environment = Environment(
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["counted"] = counted
    return environment
