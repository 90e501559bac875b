"""A Distiset whose `push_to_hub` publishes all or nothing, and nothing private."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from distilabel.distiset import Distiset
from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

    from distilabel_rag4rag.hub.push import Published

_FILES = ("_pipeline_path", "_artifacts_path", "_log_filename_path", "_citations")


@public
class SafeDistiset(Distiset):
    """A Distiset that goes to the Hub by way of `publish`.

    distilabel's own push is several commits, uploads a token that stands in the pipeline, and
    fails on its card after the data are public.

    Args:
        distiset: what `Pipeline.run` returned, with its pipeline and log, or datasets by name.

    Examples:
        Wrap what a pipeline returned:

        ```python
        from datasets import Dataset
        from distilabel.distiset import Distiset
        from distilabel_rag4rag.hub import SafeDistiset

        rows = Distiset({"default": Dataset.from_list([{"question": "Who?"}])})
        safe = SafeDistiset(rows)
        assert list(safe) == ["default"]
        ```

        and then `safe.push_to_hub("me/mine", license="mit", language="en", passages="my own")`.
    """

    def __init__(self, distiset: "Mapping[str, Dataset | DatasetDict] | None" = None) -> None:
        super().__init__(distiset or {})
        for name in _FILES:
            if (value := getattr(distiset, name, None)) is not None:
                setattr(self, name, value)

    def push_to_hub(  # type: ignore[override]
        self,
        repo_id: str,
        private: bool = False,
        token: None = None,
        generate_card: bool = True,
        include_script: bool = False,
        **settings: Any,
    ) -> "Published":
        """Publishes all configs, the card, the pipeline and the log in one commit, or nothing.

        Args:
            repo_id: `owner/name`.
            private: whether a repository that is made here is private.
            token: must be None: set HF_TOKEN or log in.
            generate_card: must be True: a data set without licence and source is of no use.
            include_script: must be False: a script may hold keys, and says nothing that the
                pipeline does not.
            settings: `license`, `language`, `passages` and the others of `publish`.

        Raises:
            DistilabelUserError: if a setting cannot be used.
            PublishError: if it did not happen.
        """
        from distilabel_rag4rag.hub.push import publish

        if token is not None:
            raise DistilabelUserError(
                "token: found one, expected None. A token in a script or a parameter ends up in"
                " dumps and logs; set HF_TOKEN or log in with `hf auth login`."
            )
        for name, value, expected in (
            ("generate_card", generate_card, True),
            ("include_script", include_script, False),
        ):
            if value is not expected:
                raise DistilabelUserError(f"{name}: found {value}, expected {expected}.")
        return publish(self, repo_id, private=private, **settings)
