"""Where the pipelines of an experiment run: on this machine, or in shards on a Ray cluster."""

import shutil
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.experiment.settings import ModelSettings

if TYPE_CHECKING:
    from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline

#: Folder of the finished shards, below the results.
SHARDS_FOLDER = "shards"


class Placement:
    """Puts pipelines where the settings say.

    Raises:
        ConfigError: if they say Ray, and it is not installed; or shards, and no cluster.
    """

    def __init__(self, settings: ModelSettings, out: Path) -> None:
        self._settings, self._folder = settings, out / SHARDS_FOLDER
        for field in ("shards", "shard_cpus", "shard_gpus"):
            value = getattr(settings, field)
            if settings.ray is None and value != ModelSettings.model_fields[field].default:
                raise ConfigError(field, value, "a Ray cluster for them", "Give `ray` as well.")
        if settings.ray is not None and find_spec("ray") is None:
            raise ConfigError(
                "ray",
                settings.ray,
                "Ray, which is not installed",
                "Install it: pip install 'distilabel-rag4rag[ray]'",
            )

    def check(self) -> None:
        """Whether there is a cluster, before any model is loaded.

        Raises:
            ConfigError: if there is none.
        """
        if self._settings.ray is not None:
            from distilabel_rag4rag.runtime.ray_cluster import check_address

            check_address(self._settings.ray)

    def connected(self) -> AbstractContextManager[None]:
        """The cluster, for as long as the block lasts; nothing where all runs on this machine."""
        if self._settings.ray is None:
            return nullcontext()
        from distilabel_rag4rag.runtime.ray_cluster import connected

        if not self._settings.cache:
            shutil.rmtree(self._folder, ignore_errors=True)  # they hold replies, too
        return connected(self._settings.ray)

    def of(self, pipeline: "FailFastPipeline") -> "FailFastPipeline":
        """The pipeline, as it is to be run."""
        s = self._settings
        if s.ray is None:
            return pipeline
        return pipeline.ray(
            s.ray,
            out=self._folder,
            shards=s.shards or "auto",
            cpus=s.shard_cpus,
            gpus=s.shard_gpus,
        )
