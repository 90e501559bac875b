"""Modules of earlier versions, which pipelines saved by them name."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType

PACKAGE = "distilabel_rag4rag"

#: Module of an earlier version -> where its components are today.
MOVED = {
    "answer": "steps.tasks.grounded_answer_generation",
    "complete": "steps.columns",
    "embedded": "pipelines.embedded",
    "embedded_llm": "models.llms.embedded_llm",
    "failfast": "runtime.fail_fast_pipeline",
    "generation_cache": "models.llms.cached_llm",
    "judge": "steps.judging.lettuce_detect_judge",
    "load": "steps.generators.load_rows",
    "mark": "steps.filtering",
    "retrieve": "steps.retrieval",
    "review.step": "review.argilla_review",
}


class OldModules(MetaPathFinder, Loader):
    """Imports the module of today under the name that it had."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for the names of `MOVED`, None for all others."""
        package, _, name = fullname.partition(".")
        return spec_from_loader(fullname, self) if package == PACKAGE and name in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        """Puts the module of today into the place of the new, empty one."""
        name = module.__name__
        sys.modules[name] = import_module(f"{PACKAGE}.{MOVED[name.partition('.')[2]]}")


def install() -> None:
    """Make the old names importable."""
    if not any(isinstance(finder, OldModules) for finder in sys.meta_path):
        sys.meta_path.append(OldModules())
