"""Runs of a distilabel Pipeline that leave nothing for the next run to stumble over.

distilabel answers a run from whatever an earlier one of the same name has left behind, finished
or not. Here every run has a folder of its own, and a pipeline is after a run as it was before.
"""

from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from distilabel.constants import DISTILABEL_METADATA_KEY, STEP_ATTR_NAME, STEPS_OUTPUTS_PATH
from distilabel.distiset import create_distiset
from distilabel.errors import DistilabelUserError
from distilabel.utils.docstring import parse_google_docstring

from distilabel_rag4rag.errors import RunFailed
from distilabel_rag4rag.runtime.flow import FlowPipeline
from distilabel_rag4rag.runtime.process_state import run_folder
from distilabel_rag4rag.runtime.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilabel.distiset import Distiset
    from distilabel.steps.base import _Step

FILES = {
    "pipeline": "pipeline.yaml",
    "batch_manager": "batch_manager.json",
    "steps_data": "steps_data",
    "data": "data",
    "batch_input_data": "batch_input_data",
    "log_file": "pipeline.log",
    "stages_file": "stages.json",
}


class IsolatedPipeline(FlowPipeline):
    """The part of `FailFastPipeline` that keeps runs apart; not for use by itself."""

    tally: Tally
    _run_folder = Path()

    @contextmanager
    def _isolated(self) -> "Iterator[None]":
        """A folder for one run; a generator step that `run(dataset=…)` adds goes with it."""
        self._set_pipeline_name()
        steps = set(self.dag)
        try:
            with run_folder(self._cache_dir / self.name) as self._run_folder:
                yield
        finally:
            for added in set(self.dag) - steps:
                self.dag.G.remove_node(added)
            for cached in ("root_steps", "leaf_steps"):
                self.dag.__dict__.pop(cached, None)

    def _steps(self) -> "list[_Step]":
        return [self.dag.get_step(name)[STEP_ATTR_NAME] for name in self.dag]

    def _create_distiset(self) -> "Distiset":
        """As distilabel, less the metadata nobody asked for and the search on arXiv.

        The search has no time limit; the citations that docstrings hold are kept. The parquet
        files go: the `datasets` library has made a copy of its own.

        Raises:
            RunFailed: if distilabel left rows out that it could not read.
        """
        location = self._cache_location
        distiset = create_distiset(
            location["data"], location["pipeline"], location["log_file"], self._enable_metadata
        )
        for name, splits in distiset.items():
            if not self._enable_metadata and DISTILABEL_METADATA_KEY in splits["train"].features:
                distiset[name] = splits.remove_columns(DISTILABEL_METADATA_KEY)
        distiset._citations = [
            citation
            for step in self._steps()
            for citation in parse_google_docstring(step)["citations"]
        ]
        leaves = list(self.dag.leaf_steps)
        if len(leaves) > 1 and "default" in distiset:  # no row was routed to the others
            (name,) = filter(self.tally.rows, leaves)
            distiset[name] = distiset.pop("default")
        for step in leaves:
            splits = distiset.get(step if len(leaves) > 1 else "default")
            found = 0 if splits is None else splits["train"].num_rows
            if found != self.tally.rows(step):
                raise RunFailed(
                    f"step '{step}' gave {self.tally.rows(step)} rows, {found} could be read again"
                )
        rmtree(location["data"] / STEPS_OUTPUTS_PATH)
        return distiset

    def dry_run(self, *args: Any, **kwargs: Any) -> "Distiset":
        """As distilabel, leaving the batch sizes and the pipeline's mode as they were."""
        generators: list[Any] = [step for step in self._steps() if step.is_generator]
        sizes = [step.batch_size for step in generators]
        try:
            return super().dry_run(*args, **kwargs)
        finally:
            self._dry_run = False
            for step, size in zip(generators, sizes, strict=True):
                step.batch_size = size

    def ray(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: distilabel's RayPipeline has none of these guards."""
        raise DistilabelUserError(
            "FailFastPipeline runs on one machine; for Ray load the saved pipeline with "
            "distilabel's Pipeline"
        )

    # --- overrides of distilabel's private methods ----------------------------------------

    @property
    def _cache_location(self) -> Any:
        """All of a run's files in the run's own folder."""
        return {key: self._run_folder / name for key, name in FILES.items()}

    def _cache(self) -> None:
        """Write down what is run, once, but no state for a later run to go on from."""
        location: Path = self._cache_location["pipeline"]
        if not location.exists():
            self.save(location, format="yaml")
