"""The models of an experiment, made anew at each call, since pipelines share none."""

from distilabel.models.embeddings.base import Embeddings
from distilabel.models.llms import LLM
from pydantic import ValidationError

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.experiment.settings import ModelSettings
from distilabel_rag4rag.models.by_name import in_short, make_embeddings, make_llm
from distilabel_rag4rag.models.llms.cached_llm import cached
from distilabel_rag4rag.models.packaged import EMBEDDED
from distilabel_rag4rag.steps.judging.detectors.make_detector import is_batched
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge


class Models:
    """Makes the models that the settings name."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings

    def llm(self, reply_prefix: str | None = None) -> LLM:
        """The LLM, with a cache of its replies.

        Args:
            reply_prefix: what the replies of the packaged LLM are begun with.
        """
        s = self.settings
        llm = make_llm(s.llm, s.llm_set)
        if s.llm == EMBEDDED and reply_prefix is not None:
            llm.generation_kwargs = {
                "reply_prefix": reply_prefix,
                **(llm.generation_kwargs or {}),
            }
        return cached(
            llm,
            enabled=s.cache,
            max_concurrency=s.max_concurrency,
            requests_per_minute=s.requests_per_minute,
            tokens_per_minute=s.tokens_per_minute,
        )

    def embeddings(self) -> Embeddings:
        """The embedder."""
        return make_embeddings(self.settings.embeddings, self.settings.embeddings_set)

    def judge(self) -> LettuceDetectJudge:
        """The judge, with a cache of its verdicts where it is a model of this machine's."""
        s = self.settings
        given = {"model": s.judge, **s.judge_set}
        method = s.judge_set.get("method", "transformer")
        if is_batched(s.judge, method) and s.ray is None:  # nodes may share a network disk
            given = {"keep_verdicts": s.cache, **given}
        try:
            return LettuceDetectJudge(**given)
        except ValidationError as error:
            raise ConfigError(
                "judge_set",
                self.settings.judge_set,
                "fields of LettuceDetectJudge",
                f"Refused: {in_short(error)}.",
            ) from error
