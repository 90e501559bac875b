"""What does the length of the evidence do to the judge? Error rates by number of windows and rule.

    python benchmarks/judge_long_evidence.py
    python benchmarks/judge_long_evidence.py --kinds short --windows 1 64 --cache margins.pkl

Each answer is judged against its source alone, then against a text in which the source stands at a
random place among other passages, so long that it takes 4, 16 and 64 windows. Nothing added holds
the wrong text. Right and wrong answers are set against each other in pairs of kinds:

- short: human answers, and answers of the same type to questions about another article
- sentence: sentences of the passage, and the same with a name or number altered
- several: three sentences of three passages, and the same with the second one altered
- scattered: HaluEval's right and hallucinated answers, the sentences of the evidence far apart

The rules for evidence that takes several windows:

- nearest: each sentence of the answer against the evidence nearest to it (the default)
- any: a token is supported where any window supports it
- one: the answer is supported where one window alone supports all of it (not in the package)
- every: a token is supported where every window supports it (LettuceDetect)

A window's margins are computed once for all rules. --cache keeps them in a file, so that a run that
was ended by --seconds goes on where it stopped.
"""

import argparse
import hashlib
import math
import pickle
import random
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
from judge_data import Case, cases, halueval, questions, sentence_of
from judge_exactness import resolve
from sklearn.metrics import roc_auc_score

from distilabel_rag4rag.steps.judging.detectors.batch_detector import BatchDetector
from distilabel_rag4rag.steps.judging.detectors.items import Item
from distilabel_rag4rag.steps.judging.detectors.windows import Window, answer_margins

KINDS = ("short", "sentence", "several", "scattered")
RULES = ("nearest", "any", "one", "every")


def pairs(kind: str, count: int) -> list[Case]:
    """Right and wrong answers to about `count` questions; `contexts` are what is to be found."""
    rng = random.Random(0)
    asked = questions("eval")
    if kind == "scattered":
        return rng.sample(list(scattered()), 2 * count)
    if kind == "several":
        return list(islice(several(rng), 2 * count))
    names = {
        "short": {"human answer", "from elsewhere"},
        "sentence": {"its sentence", "sentence altered"},
    }[kind]
    chosen = {item.question for item in rng.sample(asked, min(count, len(asked)))}
    return [case for case in cases(asked) if case.question in chosen and case.kind in names]


def scattered() -> Iterator[Case]:
    for case in halueval("eval"):
        sentences = re.split(r"(?<=[.!?])\s+|(?<=[.!?])(?=[A-Z])", case.contexts[0])
        yield case._replace(contexts=tuple(filter(str.strip, sentences)))


def several(rng: random.Random) -> Iterator[Case]:
    """Three sentences of three passages of an article, as they stand and with one altered."""
    asked = questions("eval")
    altered = {case.question: case for case in cases(asked) if case.kind == "sentence altered"}
    articles = sorted({item.article for item in asked})
    while True:
        article = rng.choice(articles)
        here = [item for item in asked if item.article == article]
        passages = rng.sample(sorted({item.passage for item in here}), 3)
        items = [rng.choice([i for i in here if i.passage == passage]) for passage in passages]
        found = [sentence_of(item.passage, item.answer) for item in items]
        if not all(found) or items[1].question not in altered:
            continue
        sentences = [str(text).rstrip(".") + "." for text in found]
        wrong = altered[items[1].question]
        if any(wrong_text(wrong) in passage.lower() for passage in passages):
            continue
        right = Case("", tuple(passages), items[0].question, " ".join(sentences), True)
        at = len(sentences[0]) + 1 + (wrong.wrong or ((0, 0),))[0][0]
        sentences[1] = wrong.answer.rstrip(".") + "."
        place = (at, at + len(wrong_text(wrong)))
        yield right
        yield right._replace(answer=" ".join(sentences), supported=False, wrong=(place,))


def wrong_text(case: Case) -> str:
    """What no evidence may hold, in lower case: the answer, or the altered part of it."""
    return (case.answer[slice(*case.wrong[0])] if case.wrong else case.answer).lower()


def padded(rows: list[Case], windows: int, detector: BatchDetector) -> Iterator[Item]:
    """The rows with evidence of about so many windows; answers to one question share theirs."""
    rng = random.Random(windows)
    texts = sorted({item.passage for split in ("eval", "train") for item in questions(split)})
    texts += sorted({case.contexts[0] for case in halueval("train")})
    made: dict[tuple[str, ...], str] = {}
    tokens = cache(lambda text: len(detector.tokenizer.tokenize(text)))
    for case in rows:
        if case.contexts not in made:
            wrong = [
                wrong_text(other)
                for other in rows
                if other.contexts == case.contexts and not other.supported
            ]
            sources = {" ".join(text.split()) for text in case.contexts}
            others = [
                text
                for text in texts
                if " ".join(text.split()) not in sources
                and not any(part in text.lower() for part in wrong)
            ]
            rng.shuffle(others)
            fill = [] if windows == 1 else up_to(others, windows, case, tokens, detector.max_length)
            for text in case.contexts:
                fill.insert(rng.randrange(len(fill) + 1), text)
            made[case.contexts] = "\n\n".join(case.contexts if windows == 1 else fill)
        yield Item((made[case.contexts],), case.answer, case.question)


def up_to(
    texts: Iterable[str], windows: int, case: Case, tokens: Callable[[str], int], window: int
) -> list[str]:
    """The first of the texts: with the source about as many tokens as the windows take."""
    total = sum(map(tokens, case.contexts))
    taken: list[str] = []
    for text in texts:
        # The rest of a window is question, prompt and overlap.
        if total > 0.6 * windows * window:
            break
        taken.append(text)
        total += tokens(text)
    return taken


class Margins:
    """The margins of windows, each computed once.

    Args:
        detector: what computes them.
        file: where they are kept, or None.
        seconds: how long to compute at most; the process ends with 75 when they are over.
    """

    def __init__(self, detector: BatchDetector, file: Path | None, seconds: float) -> None:
        self.detector, self.file = detector, file
        self.end, self.seconds = math.inf, seconds
        self.known: dict[bytes, np.ndarray] = {}
        if file and file.exists():
            self.known = pickle.loads(file.read_bytes())

    def __call__(self, windows: list[Window]) -> list[np.ndarray]:
        new = list({self._key(w): w for w in windows if self._key(w) not in self.known}.values())
        self.end = min(self.end, time.monotonic() + self.seconds)
        new.sort(key=lambda window: len(window.ids))
        for first in range(0, len(new), 32):
            if time.monotonic() > self.end:
                self._save()
                print(f"stopped with {len(new) - first} windows to go; run again to go on")
                sys.exit(75)
            for batch, outcome in self.detector.forward(new[first : first + 32]):
                if isinstance(outcome, str):
                    raise SystemExit(outcome)
                for window, row in zip(batch, answer_margins(batch, outcome.array()), strict=True):
                    self.known[self._key(window)] = row.copy()
        if new:
            self._save()
        return [self.known[self._key(window)] for window in windows]

    def _key(self, window: Window) -> bytes:
        return hashlib.blake2b(window.ids.tobytes(), digest_size=16).digest()

    def _save(self) -> None:
        if self.file:
            self.file.write_bytes(pickle.dumps(self.known))


def scores(items: list[Item], rule: str, margins: Margins) -> tuple[list[float], float]:
    """The largest margin of each answer under a rule, and how many windows evidence takes."""
    margins.detector.evidence_rule = "nearest" if rule == "nearest" else "any"
    windows, failed = margins.detector.windows(items)
    if failed:
        raise SystemExit(next(iter(failed.values())))
    of: dict[Item, dict[int, list[np.ndarray]]] = {}
    for window, row in zip(windows, margins(windows), strict=True):
        of.setdefault(window.item, {}).setdefault(window.part, []).append(row)
    join = {
        "nearest": lambda rows: np.min(rows, axis=0).max(),
        "any": lambda rows: np.min(rows, axis=0).max(),
        "one": lambda rows: np.max(rows, axis=1).min(),
        "every": np.max,
    }[rule]
    values = [max(float(join(rows)) for rows in of[item].values()) for item in items]
    needed = {window.item: window.needed for window in windows}
    return values, float(np.mean([needed[item] for item in items]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="embedded", help="embedded, a folder or a Hub id")
    parser.add_argument("--window", type=int, default=512, help="in tokens")
    parser.add_argument("--windows", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--rules", nargs="+", choices=RULES, default=RULES)
    parser.add_argument("--questions", type=int, default=60, help="of each kind")
    parser.add_argument("--cache", type=Path, help="file in which margins are kept")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="to compute at most")
    options = parser.parse_args()
    detector = BatchDetector(resolve(options.model), options.window)
    margins = Margins(detector, options.cache, options.seconds)
    print(
        f"{'kind':12}{'rows':>6}{'windows':>9}  {'rule':9}{'AUROC':>8}{'flagged: right':>16}",
        end="",
    )
    print(f"{'missed: wrong':>15}")
    for kind in options.kinds:
        rows = pairs(kind, options.questions)
        right = np.array([case.supported for case in rows])
        for count in options.windows:
            items = list(padded(rows, count, detector))
            for rule in options.rules:
                values, needed = scores(items, rule, margins)
                flagged = np.array(values) > 0
                print(
                    f"{kind:12}{len(rows):6}{needed:9.1f}  {rule:9}"
                    f"{roc_auc_score(~right, values):8.3f}{flagged[right].mean():16.1%}"
                    f"{(~flagged[~right]).mean():15.1%}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
