"""What a shard is found again by: the steps, their settings and models, and the rows."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from ray import cloudpickle

from distilabel_rag4rag.utils.identity import identity

if TYPE_CHECKING:
    from distilabel.pipeline._dag import DAG

#: Fields of steps that say how rows are worked on and not what becomes of them.
HOW_NOT_WHAT = frozenset(
    {"input_batch_size", "keep_verdicts", "pipeline", "resources", "use_cache"}
)


def key_of(dag: "DAG", generator: str) -> str:
    """The hash of all the steps behind the generator, and of how they are connected."""
    steps = {name: _shape(node["step"]) for name, node in dag.G.nodes(data=True)}
    del steps[generator]
    routes = {
        name: node["routing_batch_function"]
        for name, node in dag.G.nodes(data=True)
        if "routing_batch_function" in node
    }
    return digest([steps, list(dag.G.edges), routes])


def digest(value: Any) -> str:
    """The hash of any value: JSON as far as that goes, what is pickled for the rest."""
    try:
        text = json.dumps(value, sort_keys=True, default=_plain)
    except TypeError:  # keys of several types
        return hashlib.sha256(cloudpickle.dumps(value)).hexdigest()
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _shape(step: Any) -> list[Any]:
    """Models and files by their content; of the rest, what a dump may leave out as well."""
    fields = {name: getattr(step, name) for name in type(step).model_fields}
    others = {
        name: value
        for name, value in fields.items()
        if name not in HOW_NOT_WHAT
        and not isinstance(value, str)  # may be a path, which counts by what lies there
        and not (isinstance(value, BaseModel) and hasattr(value, "dump"))
    }
    return [identity(step, HOW_NOT_WHAT), others]


def _plain(value: Any) -> Any:
    match value:
        case BaseModel():
            return value.model_dump()
        case Mapping():
            return {str(name): item for name, item in value.items()}
        case set() | frozenset():
            return sorted(value, key=repr)
        case _:
            return hashlib.sha256(cloudpickle.dumps(value)).hexdigest()
