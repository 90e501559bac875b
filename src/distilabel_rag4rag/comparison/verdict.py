"""The answer first: one pair of arms, what differs, and whether it means anything."""

from collections.abc import Mapping
from dataclasses import dataclass

from distilabel_rag4rag.comparison.formatting import number, p_value, percent, points
from distilabel_rag4rag.comparison.result import ArmResult, PairedMeans, PairedRates, PairResult
from distilabel_rag4rag.comparison.statistics import Estimate

#: Below this p-value a difference is told as one.
ALPHA = 0.05
#: With fewer passages a test that flips whole passages cannot reach it (2 / 2**5 > 0.05).
MIN_CLUSTERS = 6


@dataclass(frozen=True)
class Verdict:
    """What the comparison says in a sentence.

    Attributes:
        baseline, candidate: the arms compared; None with a single arm.
        winner: the arm that hallucinates less and is not worse in what is left to train on or
            in F1; None where there is none.
        headline: the numbers, in one sentence.
        meaning: whether the difference means anything, and what it costs.
    """

    baseline: str | None
    candidate: str | None
    winner: str | None
    headline: str
    meaning: str


def judge_pair(
    arms: Mapping[str, ArmResult],
    pairs: Mapping[str, PairResult],
    *,
    baseline: str,
    candidate: str,
) -> Verdict:
    """The verdict on candidate against baseline; on the first two arms where they are missing."""
    names = [name for name in arms if name != "published"]
    if len(names) < 2:
        only = names[0]
        return Verdict(None, None, None, _alone(only, arms[only]), "There is no arm to compare.")
    if baseline not in names:
        baseline = next(name for name in names if name != candidate)
    if candidate not in names or candidate == baseline:
        candidate = next(name for name in reversed(names) if name != baseline)
    pair = pairs.get(f"{baseline}_vs_{candidate}") or pairs[f"{candidate}_vs_{baseline}"]
    a, b = pair.a, pair.b
    winner = _winner(pair)
    if winner is not None:
        # Judged rows alone do not show what an arm left unanswered, unjudged or out.
        loser = pair.a if winner == pair.b else pair.b
        if _value(arms[winner].grounded_rate) < _value(arms[loser].grounded_rate):
            winner = None
    return Verdict(
        baseline=baseline,
        candidate=candidate,
        winner=winner,
        headline=_headline(candidate, baseline, arms, pair),
        meaning=_meaning(pair, a, b, arms, winner),
    )


def _winner(pair: PairResult) -> str | None:
    """Fewer hallucinations on the same rows, and not worse in what an abstention would cost."""
    if not pair.hallucination.rows or not _real(pair.hallucination):
        return None
    b_is_lower = _value(pair.hallucination.difference) < 0
    return None if _pays(pair) else (pair.b if b_is_lower else pair.a)


def _pays(pair: PairResult) -> list[PairedRates | PairedMeans]:
    """Where the arm that hallucinates less is worse: an answer withheld is an answer lost."""
    sign = 1 if _value(pair.hallucination.difference) < 0 else -1  # 1: b hallucinates less
    return [measure for measure in _paid(pair) if sign * _value(measure.difference) < 0]


def _paid(pair: PairResult) -> list[PairedRates | PairedMeans]:
    """The measures in which an answer withheld is an answer lost, where they differ."""
    return [measure for measure in (pair.grounded, pair.f1) if _real(measure)]


def _headline(
    candidate: str, baseline: str, arms: Mapping[str, ArmResult], pair: PairResult
) -> str:
    if arms[baseline].judged and arms[candidate].judged:
        rate = percent(arms[baseline].hallucination_rate)
        return f"{_alone(candidate, arms[candidate]).removesuffix('.')}, {baseline} in {rate}."
    return f"{_alone(candidate, arms[candidate])} {_alone(baseline, arms[baseline])}"


def _meaning(
    pair: PairResult,
    a: str,
    b: str,
    arms: Mapping[str, ArmResult],
    winner: str | None,
) -> str:
    silent = [name for name in (a, b) if not arms[name].answered]
    if silent:
        return (
            f"An arm without answers has no hallucination rate and cannot win: "
            f"{' and '.join(silent)} left nothing to train on."
        )
    rates = pair.hallucination
    if not rates.rows:
        return "No question was answered and judged in both arms, so there is nothing to compare."
    same = sum(pair.transitions[outcome][outcome] for outcome in pair.transitions)
    if pair.identical_answers == same == pair.rows:
        return f"There is no difference: the {pair.rows} answers of {a} and {b} are the same texts."
    plural = "s" if rates.rows > 1 else ""
    on = f"on the {rates.rows} question{plural} that both answered"
    if not _real(rates) and rates.clusters < MIN_CLUSTERS:
        return (
            f"Too few passages ({rates.clusters}) to tell: {points(rates.difference)} {on}, and no "
            f"test by passages can be sure below {MIN_CLUSTERS}."
        )
    if not _real(rates):
        said = (
            f"These data show no difference in hallucination {on}: {points(rates.difference)} "
            f"({p_value(rates.clustered_p)})."
        )
        differs = _told(pair, _paid(pair))
        return said + (f" What is left to train on differs: {differs}." if differs else "")
    lower, higher = (b, a) if _value(rates.difference) < 0 else (a, b)
    said = (
        f"The difference is more than chance {on}: {points(rates.difference)} from {a} to {b} "
        f"({p_value(rates.clustered_p)})."
    )
    if winner is None and not _pays(pair):
        left = " and ".join(f"{percent(arms[n].grounded_rate)} in {n}" for n in (lower, higher))
        return (
            said + f" But grounded answers of all rows are {left}: {lower} is not better for that."
        )
    if winner is None:
        price = _told(pair, _pays(pair))
        return said + f" But {lower} pays for it: {price}; it is not better for that."
    return said + f" No loss of {lower} against {higher} was seen in what is left to train on."


def _told(pair: PairResult, measures: list[PairedRates | PairedMeans]) -> str:
    """The measures with their figures in both arms."""
    told = []
    for measure in measures:
        if isinstance(measure, PairedRates):
            name, a, b = "grounded answers", percent(measure.rate_a), percent(measure.rate_b)
        else:
            name, a, b = "F1", number(measure.mean_a), number(measure.mean_b)
        told.append(f"{name} {a} in {pair.a} and {b} in {pair.b}")
    return ", ".join(told)


def _alone(name: str, arm: ArmResult) -> str:
    if not arm.answered:
        return f"{name} answered none of {arm.rows} questions."
    if not arm.judged:
        return f"No answer of {name} was judged."
    return f"{name} hallucinates in {percent(arm.hallucination_rate)} of its answers."


def _real(measure: PairedRates | PairedMeans) -> bool:
    """By the clustered test, and by an interval that leaves out zero."""
    return measure.difference.leaves_out_zero and measure.clustered_p < ALPHA


def _value(estimate: Estimate) -> float:
    return estimate.value or 0.0
