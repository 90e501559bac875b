"""A command's options, its config file and the template of one, all made from a pydantic model."""

import inspect
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from distilabel_rag4rag.cli.errors import mistakes_exit, option
from distilabel_rag4rag.experiment.settings import ModelSettings, ModelT, validated
from distilabel_rag4rag.utils.text import nearest

#: Fields whose option, and key in a config file, has another name.
NAMES = {"source": "input", "columns": "column"}
SHORT = {"k": "-k", "out": "-o", "verbose": "-v"}

_TYPES = {"string": str, "integer": int, "number": float, "boolean": bool, "array": str}

Config = Annotated[
    Path | None,
    typer.Option(
        help="YAML file with any of these options, and INPUT as the key `input`, e.g."
        " `input: questions.jsonl`. Options given here win.",
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option("--print-config", help="Print these options as such a file, and stop."),
]


def options_of(
    model: type[ModelT], only: Collection[str] | None = None
) -> Callable[[Callable[[ModelT], None]], Callable[..., None]]:
    """Decorates a command that takes the model: it gets an option per field.

    Args:
        model: names, types, bounds, defaults and descriptions.
        only: the fields to take, without a config file; by default all, with one.
    """

    def decorate(command: Callable[[ModelT], None]) -> Callable[..., None]:
        def run(context: typer.Context, **values: Any) -> None:
            config, print_config = values.pop("config", None), values.pop("print_config", False)
            with mistakes_exit():
                given = {
                    name: _parsed(name, value, option(name))
                    for name, value in values.items()
                    if context.get_parameter_source(name).name != "DEFAULT"  # type: ignore[union-attr]
                }
                read = {} if config is None else read_config(config, model)
            places = {name: _place(config, name) for name in read.keys() - given}
            with mistakes_exit(places):
                options = validated(model, {**read, **given})
            if print_config:
                typer.echo(config_text(options), nl=False)
            else:
                command(options)

        schema = model.model_json_schema()["properties"]
        # What a command is about comes before the models, which all commands share.
        order = only or sorted(schema, key=ModelSettings.model_fields.__contains__)
        parameters = {name: _annotation(name, schema[name]) for name in order}
        annotations: dict[str, Any] = {"context": typer.Context}
        annotations |= {name: kind for name, (kind, _) in parameters.items()}
        defaults = {name: default for name, (_, default) in parameters.items()}
        if only is None:
            annotations |= {"config": Config, "print_config": PrintConfig}
            defaults |= {"config": None, "print_config": False}
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    annotation=kind,
                    default=defaults.get(name, inspect.Parameter.empty),
                )
                for name, kind in annotations.items()
            ]
        )
        run.__annotations__ = annotations
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return decorate


def _annotation(name: str, schema: Mapping[str, Any]) -> tuple[Any, Any]:
    """What typer makes an option of, and its default, from a field's JSON schema."""
    default = schema.get("default")
    schema = {**schema, **next(iter(schema.get("anyOf", ())), {})}  # of X | None, the X
    help_text = schema.get("description", "")
    if name == "source":
        return Annotated[str | None, typer.Argument(metavar="[INPUT]", help=help_text)], default
    flag = "--" + NAMES.get(name, name).replace("_", "-")
    if schema["type"] == "boolean" and default:
        flag = f"{flag}/--no-{flag[2:]}"
    names = [name for name in (flag, SHORT.get(name)) if name]
    if schema["type"] == "object":
        metavar = "OURS=THEIRS" if name == "columns" else "KEY=VALUE"
        pairs = typer.Option(*names, help=f"{help_text} May be repeated.", metavar=metavar)
        return Annotated[list[str] | None, pairs], None
    bounds: dict[str, Any] = {"min": schema.get("minimum"), "max": schema.get("maximum")}
    kind = Path if schema.get("format") == "path" else _TYPES[schema["type"]]
    if default is None:
        kind = kind | None  # type: ignore[assignment]
    return Annotated[kind, typer.Option(*names, help=help_text, **bounds)], default


def _place(config: Path | None, name: str) -> str:
    return f"'{config}', {NAMES.get(name, name)}"


def _parsed(name: str, value: Any, label: str) -> Any:
    """Mappings from `KEY=VALUE` or, in a file, from keys with dots; all others as they are."""
    if name == "columns":
        return parse_columns(value, label) if isinstance(value, list) else value
    if not name.endswith("_set"):
        return value
    if isinstance(value, dict):
        settings: dict[str, Any] = {}
        for key, inner in value.items():
            _put(settings, str(key), inner, label)
        return settings
    return parse_pairs(value, label) if isinstance(value, list) else value


def parse_columns(pairs: Iterable[str], label: str = "--column") -> dict[str, str | None]:
    """`["question=anchor", "id="]` -> `{"question": "anchor", "id": None}`."""
    columns: dict[str, str | None] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not equals or not ours:
            raise ValueError(f"{label}: found {pair!r}, expected OURS=THEIRS")
        columns[ours] = theirs or None
    return columns


def parse_pairs(pairs: Iterable[str], label: str) -> dict[str, Any]:
    """`["generation_kwargs.temperature=0.2"]` -> `{"generation_kwargs": {"temperature": 0.2}}`.

    Values are read as YAML, so numbers, booleans and lists are what they look like. The label
    stands before an error.
    """
    import yaml

    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ValueError(f"{label}: found {pair!r}, expected KEY=VALUE")
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"{label}: {pair!r} is not YAML: {error}") from error
        _put(settings, key, read, label)
    return settings


def _put(settings: dict[str, Any], key: str, value: Any, label: str) -> None:
    """Puts a value below a key whose dots go one level deeper each."""
    *parents, last = key.split(".")
    for parent in parents:
        settings = settings.setdefault(parent, {})
        if not isinstance(settings, dict):
            raise ValueError(f"{label}: {parent!r} is given twice, see {key!r}")
    settings[last] = value


def read_config(path: Path, model: type[BaseModel]) -> dict[str, Any]:
    """The values of a YAML file, by the model's fields."""
    import yaml

    from distilabel_rag4rag.errors import ConfigError

    try:
        read = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"--config: cannot read '{path}': {error}") from error
    if not isinstance(read, dict):
        raise ValueError(f"--config: '{path}' holds {type(read).__name__}, expected KEY: VALUE")
    fields = {NAMES.get(name, name): name for name in model.model_fields}
    fields |= {name: name for name in model.model_fields}
    values: dict[str, Any] = {}
    for key, value in read.items():
        name = fields.get(str(key).replace("-", "_"))
        if name is None:
            near = nearest(str(key).replace("-", "_"), fields)
            raise ConfigError(
                "config", str(key), f"{near or 'a key that --print-config lists'} in '{path}'"
            )
        values[name] = _parsed(name, value, _place(path, name))
    return values


def config_text(options: BaseModel) -> str:
    """The options as a config file, with what each of them means."""
    import yaml

    lines = []
    for name, value in options.model_dump(mode="json").items():
        about = type(options).model_fields[name].description or ""
        lines += textwrap.wrap(
            about, 98, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
        )
        entry = {NAMES.get(name, name): value}
        lines.append(yaml.safe_dump(entry, allow_unicode=True, sort_keys=False))
    return "\n".join(lines)
