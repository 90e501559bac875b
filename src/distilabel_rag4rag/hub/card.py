"""The dataset card: what it is, how it was made, what was found, how to use it.

Our part stands between two markers; what a person wrote outside of them stays, in the text and in
the YAML.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import yaml
from markupsafe import Markup

from distilabel_rag4rag.comparison import formatting
from distilabel_rag4rag.comparison.result import estimate_from_json
from distilabel_rag4rag.errors import ConfigError, PublishError
from distilabel_rag4rag.hub.card_metadata import (
    default_set_by_a_person,
    metadata,
    split_card,
    without_configs,
)
from distilabel_rag4rag.hub.citations import citations
from distilabel_rag4rag.schema import BY_NAME
from distilabel_rag4rag.utils.markdown import escape_markdown
from distilabel_rag4rag.utils.templates import markdown_templates

if TYPE_CHECKING:
    from distilabel_rag4rag.hub.publication import Publication

BEGIN = "<!-- rag4rag: from here on this card is written by `rag4rag publish`, … -->"
END = "<!-- rag4rag: … to here. What stands outside is kept. -->"
_BEGIN = re.compile(r"<!--\s*rag4rag: from here.*?-->", re.DOTALL)
_END = re.compile(r"<!--\s*rag4rag: … to here.*?-->", re.DOTALL)

#: What the fields of a step say about how an answer is asked for.
_PROMPTS = ("system_template", "template", "system_prompt")
_SHAPES = ("style", "abstain", "action")


@dataclass(frozen=True)
class Terms:
    """What only the person who publishes knows.

    Attributes:
        license: the Hub's id of the licence, such as `cc-by-4.0`.
        language: codes of the languages, such as `en`.
        passages: where the passages come from, as text.
        title: of the card.
    """

    license: str
    language: tuple[str, ...]
    passages: str
    title: str


def terms(
    sample_world: bool,
    repo_id: str,
    license: str | None,
    language: str | None,
    passages: str | None,
    title: str | None,
) -> Terms:
    """The terms as given; only the sample world has defaults.

    Raises:
        ConfigError: naming what is missing.
    """
    if sample_world:
        license, language = license or "cc0-1.0", language or "en"
        passages = passages or (
            "the sample world of distilabel-rag4rag, an invented encyclopedia written for that"
            " package and given to the public domain (CC0 1.0)."
        )
    for setting, value, example in (
        ("license", license, "cc-by-4.0; it must allow to publish the passages"),
        ("language", language, "en, or en,de"),
        ("passages", passages, "'English Wikipedia of 2016, by way of SQuAD 1.1'"),
    ):
        if not value or not value.strip():
            raise ConfigError(
                setting,
                value,
                f"for example {example}",
                "These documents have an author: there is no default licence for them.",
            )
    assert license
    assert language
    assert passages
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", license):
        raise ConfigError("license", license, "an id of the Hub, such as cc-by-4.0, mit or other")
    codes = tuple(code.strip() for code in language.split(","))
    if wrong := [
        code for code in codes if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*|code", code)
    ]:
        raise ConfigError("language", wrong, "codes such as en, de or pt-BR")
    name = " ".join((title or "").split()) or repo_id.rpartition("/")[2]
    return Terms(license, codes, passages, name)


def write_card(
    publication: "Publication",
    terms: Terms,
    repo_id: str,
    existing: str | None,
    gone: Collection[str] = (),
) -> str:
    """The whole card: ours, in the one that is there.

    Args:
        publication: what is published.
        terms: licence, language, source, title.
        repo_id: the repository.
        existing: the card that is there.
        gone: the configs of an earlier publication, which leave its YAML.

    Raises:
        PublishError: if the YAML of the one that is there cannot be read, or its markers do not
            say which part is ours.
    """
    front_matter, text = split_card(existing or "")
    front_matter = without_configs(front_matter, gone)
    place = _place(text)
    block = _render(
        publication, terms, repo_id, default_set_by_a_person(front_matter, publication.configs)
    )
    if existing is None:
        text = f"# {escape_markdown(terms.title)}\n\n{block}\n"
    elif place:
        text = text[: place[0]] + block + text[place[1] :]
    else:
        text = f"{text.rstrip()}\n\n{block}\n"
    data = yaml.safe_dump(
        metadata(front_matter, publication, terms.title, terms.license, terms.language),
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )
    return f"---\n{data}---\n\n{text.lstrip()}"


def _place(text: str) -> tuple[int, int] | None:
    """Where our part stands; what a person wrote is never taken for it."""
    begins, ends = (list(marker.finditer(text)) for marker in (_BEGIN, _END))
    if not begins and not ends:
        return None
    if len(begins) == len(ends) == 1 and begins[0].end() <= ends[0].start():
        return begins[0].start(), ends[0].end()
    raise PublishError(
        f"The README.md that is there holds {len(begins)} markers '<!-- rag4rag: from here …' and"
        f" {len(ends)} markers '<!-- rag4rag: … to here …', expected one of each, in this order:"
        " they say which part this command may replace. Nothing was sent. On the Hub, put them"
        " around that part again, or delete the part with all its markers; then publish again.",
        "reading what is there",
    )


def _render(publication: "Publication", terms: Terms, repo_id: str, theirs: str | None) -> str:
    environment = markdown_templates("distilabel_rag4rag.hub")
    environment.filters |= {
        "raw": Markup,
        "fenced": _fenced,
        "of": _of,
        "setting": _setting_as_text,
    }
    first = next(iter(publication.configs[publication.default].splits))
    names = publication.configs[publication.default].splits[first].column_names
    settings = dict(publication.run.get("settings", {}))
    for key in ("source", "corpus"):  # of a file, only its name; a data set of the Hub stays
        if isinstance(settings.get(key), str) and PurePath(settings[key]).suffix:
            settings[key] = re.split(r"[/\\]", settings[key])[-1]
    return (
        environment.get_template("card.md.j2")
        .render(
            m=publication,
            s=publication.summary,
            terms=terms,
            repo_id=repo_id,
            theirs=theirs,
            first=first,
            names=names,
            columns=[BY_NAME[name] for name in names if name in BY_NAME],
            settings={k: v for k, v in settings.items() if v not in (None, [], {})},
            versions=publication.run.get("versions", {}),
            models=_models(publication),
            prompts=_prompts(publication),
            citations=Markup(citations(publication.citations)),
            begin=Markup(BEGIN),
            end=Markup(END),
        )
        .strip()
    )


def _of(values: Mapping[str, Any], name: str, word: str = "percent") -> str:
    """A figure of summary.json with its interval, as text."""
    text: str = getattr(formatting, word)(estimate_from_json(values, name))
    return text


def _setting_as_text(value: Any) -> str:
    """A setting's value as a person writes it."""
    if isinstance(value, list):
        return ", ".join(map(_setting_as_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}={_setting_as_text(item)}" for key, item in value.items())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _fenced(text: Any) -> Markup:
    """Text as a block of code, whatever fences stand in it."""
    text = str(text).strip("\n").replace("<!-- rag4rag:", "<!-- rag4rag :")  # no marker of ours
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}text\n{text}\n{fence}")


def _models(publication: "Publication") -> list[str]:
    """The LLMs that the rows name."""
    names: set[str] = set()
    for config in publication.configs.values():
        for table in config.splits.values():
            if "model_name" in table.column_names:
                names |= set(table["model_name"].unique().to_pylist())
    return sorted(str(name) for name in names if name)


def _prompts(publication: "Publication") -> dict[str, dict[str, Any]]:
    """By arm, or by step: the class of the task and the fields that shape its prompt."""
    found = {}
    for path, text in publication.texts.items():
        if not path.endswith(".yaml"):
            continue
        for entry in (yaml.safe_load(text).get("pipeline") or {}).get("steps") or []:
            fields = entry["step"]
            if "llm" in fields:
                arm = path.startswith("run/pipelines/") and fields["name"] == "answer"
                name = path.rpartition("/")[2].removesuffix(".yaml") if arm else fields["name"]
                found[name] = {
                    "class": fields["type_info"]["name"],
                    "settings": {key: fields[key] for key in _SHAPES if key in fields},
                    "texts": {key: fields[key] for key in _PROMPTS if fields.get(key)},
                }
    return found
