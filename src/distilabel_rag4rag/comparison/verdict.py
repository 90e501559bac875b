"""The answer first: one pair of arms, what differs, and whether it means anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from distilabel_rag4rag.comparison.formatting import number, p_value, percent, points
from distilabel_rag4rag.comparison.result import ArmResult, PairedMeans, PairedRates, PairResult
from distilabel_rag4rag.comparison.statistics import Estimate
from distilabel_rag4rag.comparison.table import run_arms
from distilabel_rag4rag.utils.text import counted

#: Below this p-value a difference is reported as one.
ALPHA = 0.05
#: With fewer passages a test that flips whole passages cannot reach it (2 / 2**5 > 0.05).
MIN_CLUSTERS = 6

Measure: TypeAlias = PairedRates | PairedMeans


@dataclass(frozen=True)
class Verdict:
    """What the comparison says in a sentence.

    Attributes:
        baseline, candidate: the arms compared; None with a single arm.
        winner: the arm that hallucinates less and is not worse in grounded answers or in F1;
            None where there is none.
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
    names = run_arms(arms)
    if len(names) < 2:
        only = names[0]
        headline = _arm_sentence(only, arms[only])
        return Verdict(None, None, None, headline, "There is no other arm to compare with.")
    if baseline not in names:
        baseline = next(name for name in names if name != candidate)
    if candidate not in names or candidate == baseline:
        candidate = next(name for name in reversed(names) if name != baseline)
    pair = pairs.get(f"{baseline}_vs_{candidate}") or pairs[f"{candidate}_vs_{baseline}"]
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
        headline=_headline(candidate, baseline, arms),
        meaning=_meaning(pair, arms, winner),
    )


def _winner(pair: PairResult) -> str | None:
    """Fewer hallucinations on the same rows, and not worse in what an abstention would cost."""
    if not pair.hallucination.rows or not _is_significant(pair.hallucination):
        return None
    if _losses(pair):
        return None
    return pair.b if _value(pair.hallucination.difference) < 0 else pair.a


def _losses(pair: PairResult) -> list[Measure]:
    """Where the arm that hallucinates less is worse."""
    sign = 1 if _value(pair.hallucination.difference) < 0 else -1  # 1: b hallucinates less
    return [m for m in _other_differences(pair) if sign * _value(m.difference) < 0]


def _other_differences(pair: PairResult) -> list[Measure]:
    """The measures in which an abstention costs, where the arms differ."""
    return [measure for measure in (pair.grounded, pair.f1) if _is_significant(measure)]


def _headline(candidate: str, baseline: str, arms: Mapping[str, ArmResult]) -> str:
    if arms[baseline].judged and arms[candidate].judged:
        rate = percent(arms[baseline].hallucination_rate)
        sentence = _arm_sentence(candidate, arms[candidate]).removesuffix(".")
        return f"{sentence}, {baseline} in {rate}."
    return f"{_arm_sentence(candidate, arms[candidate])} {_arm_sentence(baseline, arms[baseline])}"


def _meaning(pair: PairResult, arms: Mapping[str, ArmResult], winner: str | None) -> str:
    a, b = pair.a, pair.b
    if without_answers := [name for name in (a, b) if not arms[name].answered]:
        return (
            f"An arm without answers has no hallucination rate and cannot win: "
            f"{' and '.join(without_answers)} left nothing to train on."
        )
    rates = pair.hallucination
    if not rates.rows:
        return "No question was answered and judged in both arms, so there is nothing to compare."
    same = sum(pair.transitions[outcome][outcome] for outcome in pair.transitions)
    if pair.identical_answers == same == pair.rows:
        return f"There is no difference: the answers of {a} and {b} are the same texts."
    on = f"on the {counted(rates.rows, 'question')} that both answered"
    if not _is_significant(rates) and rates.clusters < MIN_CLUSTERS:
        return (
            f"Too few passages ({rates.clusters}) to tell: {points(rates.difference)} {on}, and no "
            f"test by passages can be sure below {MIN_CLUSTERS}."
        )
    if not _is_significant(rates):
        if rates.difference.leaves_out_zero:
            found = "The interval speaks for a difference in hallucination and the test does not"
        elif rates.clustered_p < ALPHA:
            found = "The test speaks for a difference in hallucination and the interval does not"
        else:
            found = "These data show no difference in hallucination"
        meaning = f"{found} {on}: {points(rates.difference)} ({p_value(rates.clustered_p)})."
        others = _figures(pair, _other_differences(pair))
        return f"{meaning} Other figures differ: {others}." if others else meaning
    lower, higher = (b, a) if _value(rates.difference) < 0 else (a, b)
    difference = (
        f"The difference is more than chance {on}: {points(rates.difference)} from {a} to {b} "
        f"({p_value(rates.clustered_p)})."
    )
    left = " and ".join(f"{percent(arms[n].grounded_rate)} in {n}" for n in (lower, higher))
    if winner is not None:
        return f"{difference} Grounded answers of all rows are {left}."
    if _losses(pair):
        worse = _figures(pair, _losses(pair))
        return f"{difference} But {lower} is worse in other figures, so it is not better: {worse}."
    return f"{difference} But grounded answers of all rows are {left}, so {lower} is not better."


def _figures(pair: PairResult, measures: list[Measure]) -> str:
    """The measures with their figures in both arms."""
    texts = []
    for measure in measures:
        if isinstance(measure, PairedRates):
            name, a, b = "grounded answers", percent(measure.rate_a), percent(measure.rate_b)
        else:
            name, a, b = "F1", number(measure.mean_a), number(measure.mean_b)
        texts.append(f"{name} {a} in {pair.a} and {b} in {pair.b}")
    return ", ".join(texts)


def _arm_sentence(name: str, arm: ArmResult) -> str:
    if not arm.answered:
        return f"{name} answered none of {counted(arm.rows, 'question')}."
    if not arm.judged:
        return f"No answer of {name} was judged."
    return f"{name} hallucinates in {percent(arm.hallucination_rate)} of its answers."


def _is_significant(measure: Measure) -> bool:
    """By the clustered test, and by an interval that leaves out zero."""
    return measure.difference.leaves_out_zero and measure.clustered_p < ALPHA


def _value(estimate: Estimate) -> float:
    return estimate.value or 0.0
