"""The pipelines of an experiment, made from its settings."""

from collections.abc import Sequence
from typing import Any

from distilabel.models.llms import LLM

from distilabel_rag4rag.experiment.few_shot import plain_answer_settings
from distilabel_rag4rag.experiment.models import Models
from distilabel_rag4rag.experiment.settings import Settings
from distilabel_rag4rag.models.packaged import EMBEDDED
from distilabel_rag4rag.pipelines.arms import ARMS, human
from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline
from distilabel_rag4rag.schema import GOLD_CONTEXT, HUMAN, RAG4RAG, ZERO_SHOT
from distilabel_rag4rag.steps.generators.load_rows import LoadRows
from distilabel_rag4rag.steps.retrieval.faiss_retrieve import FaissRetrieve

#: What the packaged LLM's replies are begun with. Without the headings that GenerateSentencePair
#: asks for, which it never writes, every answer of the published baseline would be lost.
_PREFIX = "Answer:"
_PUBLISHED_PREFIX = "## Positive\n\nThe answer is"
_PASSAGE_COLUMNS = ("passage_id", "title", "context")


class ArmBuilder:
    """Makes models and pipelines; each call makes new ones, since pipelines share no step."""

    def __init__(self, settings: Settings, with_contexts: bool) -> None:
        """Without contexts, answers are judged against what is retrieved from the corpus."""
        self.settings = settings
        self.with_contexts = with_contexts
        self.models = Models(settings)

    def build(self, arms: Sequence[str]) -> dict[str, FailFastPipeline]:
        """The pipelines of these arms, in this order."""
        return {arm: self._human() if arm == HUMAN else self._arm(arm) for arm in arms}

    def llm(self, arm: str) -> LLM:
        """The LLM, for the prompts of an arm."""
        published = arm == ZERO_SHOT and self.settings.asks_as_published
        return self.models.llm(_PUBLISHED_PREFIX if published else _PREFIX)

    def _arm(self, arm: str) -> FailFastPipeline:
        s = self.settings
        arguments: dict[str, Any] = {
            "llm": self.llm(arm),
            "judge": self.models.judge(),
            "threshold": s.threshold,
            "style": s.style,
            "abstain": s.abstain,
            "batch_size": s.batch_size,
            "pipeline_class": FailFastPipeline,
        }
        if arm == ZERO_SHOT:
            arguments["prompt"] = "published" if s.asks_as_published else "plain"
        if arm in (GOLD_CONTEXT, RAG4RAG):
            plain = s.llm == EMBEDDED and s.style == "short"
            arguments["answer"] = plain_answer_settings() if plain else {}
        if arm == RAG4RAG:
            # All passages of the input, also where only a sample of its questions is taken:
            # a smaller corpus would flatter retrieval.
            columns = {ours: s.columns[ours] for ours in _PASSAGE_COLUMNS if ours in s.columns}
            arguments |= {
                "embeddings": self.models.embeddings(),
                "k": s.k,
                "corpus": s.corpus or s.source,
                "retrieve": {"max_tokens": s.max_tokens}
                if s.corpus
                else {"split": s.split, "columns": columns or None, "delimiter": s.delimiter},
                "evidence": "context" if self.with_contexts else "retrieved_contexts",
            }
        elif not self.with_contexts:
            arguments["retrieve"] = self._retrieve()
        pipeline = ARMS[arm](self._rows(), **arguments)  # type: ignore[operator]
        pipeline.max_failed = s.max_failed
        return pipeline  # type: ignore[no-any-return]

    def _human(self) -> FailFastPipeline:
        """The human answers, judged too: their flags are the judge's false alarms."""
        return human(  # type: ignore[return-value]
            self._rows(),
            judge=self.models.judge(),
            retrieve=None if self.with_contexts else self._retrieve(),
            threshold=self.settings.threshold,
            batch_size=self.settings.batch_size,
            pipeline_class=FailFastPipeline,
        )

    def _rows(self) -> LoadRows:
        s = self.settings
        return LoadRows(
            source=s.source,
            columns=s.columns or None,
            split=s.split,
            limit=s.limit,
            seed=s.seed,
            delimiter=s.delimiter,
            context_required=s.corpus is None,
        )

    def _retrieve(self) -> FaissRetrieve:
        s = self.settings
        return FaissRetrieve(
            embeddings=self.models.embeddings(),
            corpus=s.corpus,
            k=s.k,
            max_tokens=s.max_tokens,
        )
