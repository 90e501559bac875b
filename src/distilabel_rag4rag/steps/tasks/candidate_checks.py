"""What a new answer must pass before it takes the place of a flagged one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from distilabel_rag4rag.data.word_support import word_support
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge
from distilabel_rag4rag.steps.tasks.grounded_answer_generation import as_passages
from distilabel_rag4rag.utils.text import has_text, is_missing

#: The columns of a judge.
VERDICT = (
    "hallucinated_spans",
    "hallucination_score",
    "evidence_truncated",
    "evidence_windows",
    "judge_reason",
)


@dataclass
class Repair:
    """A flagged answer on its way to another one."""

    row: dict[str, Any]
    previous_answer: str
    unsupported: list[str]
    calls: int = 0
    outcome: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] | None = None
    reason: str | None = None
    unconfirmed: str | None = None
    raw_output: str | None = None
    tokens: dict[str, int] = field(default_factory=dict)

    @property
    def prompt(self) -> dict[str, Any]:
        """What the prompt is made of."""
        return {
            "question": self.row["question"],
            "contexts": self.row["contexts"],
            "previous_answer": self.previous_answer,
            "unsupported": self.unsupported,
        }


@dataclass
class Candidate:
    """A new answer with its verdict; `objection` is the second check's."""

    repair: Repair
    answer: str
    raw_output: str | None
    verdict: dict[str, Any] = field(default_factory=dict)
    objection: str | None = None
    missing: list[str] = field(default_factory=list)

    @property
    def score(self) -> float:
        """The judge's, above all others where it gave none."""
        score = self.verdict["hallucination_score"]
        return 2.0 if score is None else float(score)


@dataclass
class CandidateChecks:
    """The judge, and a second, different check of what the judge passes.

    Attributes:
        judge: loaded.
        second_judge: loaded; None: the words of an answer are looked for in the evidence.
        threshold: the score from which on a judge flags an answer.
        least: the smallest share of an answer's words that must stand in the evidence.
        language: of the answers.
    """

    judge: LettuceDetectJudge
    second_judge: LettuceDetectJudge | None
    threshold: float
    least: float
    language: str

    def check(self, candidates: Sequence[Candidate]) -> None:
        """Gives each candidate its verdict, and the second check's objection to those passed."""
        for candidate, verdict in zip(candidates, _judged(self.judge, candidates), strict=True):
            candidate.verdict = verdict
        passed = [candidate for candidate in candidates if self.passes(candidate.verdict)]
        if self.second_judge is None:
            for candidate in passed:
                self._look_for_words(candidate)
            return
        for candidate, verdict in zip(passed, _judged(self.second_judge, passed), strict=True):
            if not self.passes(verdict):
                candidate.objection = f"second judge: {objection_of(verdict)}"
                candidate.missing = span_texts(verdict["hallucinated_spans"])

    def passes(self, verdict: Mapping[str, Any]) -> bool:
        """Whether a judge passes an answer; what was not judged does not pass."""
        score = verdict["hallucination_score"]
        return score is not None and score < self.threshold

    def _look_for_words(self, candidate: Candidate) -> None:
        row = candidate.repair.row
        passages = as_passages(row["contexts"])
        support = word_support(candidate.answer, passages, row["question"], self.language)
        candidate.objection = support.reason(self.least)
        candidate.missing = support.missing


def load_judge(setting: str, model: Any, settings: dict[str, Any]) -> LettuceDetectJudge:
    """A loaded judge.

    Raises:
        ConfigError: if the settings are not a judge's.
    """
    known = set(LettuceDetectJudge.model_fields) - {"model", "name", "pipeline"}
    if unknown := sorted(set(settings) - known):
        raise ConfigError(setting, unknown, "settings of LettuceDetectJudge")
    try:
        judge = LettuceDetectJudge(model=model, **settings)
    except ValidationError as error:
        first = error.errors()[0]
        field_name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(setting, settings, f"a {field_name} such that: {first['msg']}") from error
    judge.load()
    return judge


def _judged(judge: LettuceDetectJudge, candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """The judge's columns for each candidate."""
    rows = [
        {
            "question": candidate.repair.row["question"],
            "contexts": candidate.repair.row["contexts"],
            "answer": candidate.answer,
        }
        for candidate in candidates
    ]
    judged = next(judge.process(rows)) if rows else []
    return [{name: row[name] for name in VERDICT} for row in judged]


def objection_of(verdict: Mapping[str, Any]) -> str:
    """Why a judge does not pass an answer."""
    if verdict["hallucination_score"] is None:
        return f"not judged: {verdict['judge_reason']}"
    words = ", ".join(f'"{text}"' for text in span_texts(verdict["hallucinated_spans"]))
    return f"flagged: score {verdict['hallucination_score']:.3f}, {words}"


def span_texts(spans: Iterable[Mapping[str, Any]] | None) -> list[str]:
    """The words of spans, each once."""
    if spans is None or is_missing(spans):
        return []
    return list(dict.fromkeys(span["text"] for span in spans if has_text(span.get("text"))))
