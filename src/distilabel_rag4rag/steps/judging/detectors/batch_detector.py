"""LettuceDetect's token classifier over many rows at a time.

`BatchDetector` is LettuceDetect's own `TransformerDetector`: it loads the checkpoint, formats the
prompts and groups long evidence with LettuceDetect's code. What it adds is `judge`: each row is
tokenised once, rows of like length share a forward pass, and answers' offsets come from the
tokenizer's own account of which token belongs to which text.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from distilabel.errors import DistilabelUserError
from lettucedetect.detectors.prompt_utils import LANG_TO_PASSAGE

from distilabel_rag4rag.steps.judging.detectors._compat import TokenClassifier, format_prompt
from distilabel_rag4rag.steps.judging.detectors.device import (
    LETTUCEDETECT_MAX_LENGTH,
    HostCopy,
    choose_dtype,
    free_memory,
    is_out_of_memory,
    longest_window,
)
from distilabel_rag4rag.steps.judging.detectors.evidence import Evidence, Piece
from distilabel_rag4rag.steps.judging.detectors.items import Item, Verdict
from distilabel_rag4rag.steps.judging.detectors.packed import (
    compile_layers,
    on_device,
    packed_logits,
    use_packed,
)
from distilabel_rag4rag.steps.judging.detectors.passages import split_passage, split_sentences
from distilabel_rag4rag.steps.judging.detectors.spans import Span, token_spans
from distilabel_rag4rag.steps.judging.detectors.windows import (
    Window,
    answer_margins,
    cut_batches,
    cut_packed,
    padded_tokens,
    window_of,
)
from distilabel_rag4rag.utils.threads import one_ahead

#: Rows tokenised and sorted together.
SLICE = 1024
#: Characters to a token, about; where rows are packed, a slice is one forward pass.
TOKEN_CHARACTERS = 4
#: Tokens under which a GPU is done with a forward pass before the next is asked for.
SMALL_PASS = 8_192
#: A window with less space than this for evidence is no basis for a verdict.
MIN_EVIDENCE_TOKENS = 16
#: Tokens of "passage 12:" and the line end, for each piece of evidence.
LABEL_TOKENS = 5
#: A sentence of an answer with fewer tokens is judged together with the next.
SHORTEST_SENTENCE = 8
#: Long evidence of which the pieces are kept: rows about one document follow each other.
KEPT_EVIDENCE = 8


class BatchDetector(TokenClassifier):
    """A `TransformerDetector` with a batched `judge`.

    Args:
        model_path: folder or Hub id of a token classifier with two labels.
        max_length: window in tokens; None takes what the checkpoint and its tokenizer allow, at
            most LettuceDetect's 4096.
        device: torch device; None takes a GPU where there is one.
        lang: language of LettuceDetect's prompt.
        taxonomy_head: folder or Hub id of LettuceDetect's typing head, or None.
        precision: "float32", "bfloat16", or "auto" (see `choose_dtype`).
        threshold: tokens with a probability above it form spans.
        evidence_rule: what must support an answer whose evidence needs several windows: the
            "nearest" evidence, or "any" or "every" window.
        token_budget: tokens per forward pass, padding included; halved for good when memory runs
            out.
        torch_compile: compile the model's layers, where rows are packed (see `packed.py`).

    Raises:
        DistilabelUserError: if the checkpoint has not two labels, or fewer positions than
            `max_length`; if layers are to be compiled that cannot be.
    """

    def __init__(
        self,
        model_path: str,
        max_length: int | None = None,
        device: str | None = None,
        lang: str = "en",
        taxonomy_head: str | None = None,
        *,
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        threshold: float = 0.5,
        evidence_rule: Literal["nearest", "any", "every"] = "nearest",
        token_budget: int | None = None,
        torch_compile: bool = False,
        **tok_kwargs: Any,
    ) -> None:
        super().__init__(
            model_path,
            max_length=max_length or LETTUCEDETECT_MAX_LENGTH,
            device=torch.device(device) if device else None,
            lang=lang,
            taxonomy_head=taxonomy_head,
            **tok_kwargs,
        )
        if self.model.config.num_labels != 2:
            raise DistilabelUserError(
                f"model={model_path!r} has {self.model.config.num_labels} labels; expected a token "
                "classifier with 2 (supported, hallucinated)"
            )
        allowed = longest_window(self.model, self.tokenizer.model_max_length)
        if max_length is not None and max_length > allowed:
            raise DistilabelUserError(
                f"max_length={max_length}, but the checkpoint takes {allowed} tokens; expected at "
                f"most {allowed}, or None for the largest window"
            )
        self.max_length = max_length or min(allowed, LETTUCEDETECT_MAX_LENGTH)
        self.device: torch.device = torch.device(self.device)
        self.model.to(choose_dtype(precision, self.device))
        self.threshold, self.evidence_rule = threshold, evidence_rule
        self.token_budget = token_budget or (65_536 if self.device.type == "cuda" else 2_048)
        self.packed = use_packed(self.model)
        if torch_compile:
            self._compile()
        self._recent: dict[tuple[tuple[str, ...], int], Evidence] = {}
        # Rows longer than the window are grouped, so the tokenizer's warning would mislead.
        self.tokenizer.deprecation_warnings[
            "sequence-length-is-longer-than-the-specified-maximum"
        ] = True

    def _compile(self) -> None:
        found = f"{self.model.config.model_type} in {self.model.dtype} on {self.device}"
        if not self.packed:
            raise DistilabelUserError(
                f"torch_compile=True has no effect with {found}; expected a ModernBERT in bfloat16 "
                "on a GPU and torch 2.11 or later, or torch_compile=False"
            )
        try:
            compile_layers(self.model)
        except Exception as error:
            raise DistilabelUserError(
                f"torch_compile=True, but {found} could not be compiled: {type(error).__name__}: "
                f"{error}; expected Triton and a C compiler, or torch_compile=False"
            ) from error

    def judge(self, items: Sequence[Item]) -> list[Verdict]:
        """One verdict per item, in order; equal items are judged once, a failure stays alone."""
        verdicts: dict[Item, Verdict] = {}
        running: list[tuple[list[Window], HostCopy | str]] = []
        tokenised: Iterator[tuple[list[Window], dict[Item, str]]]
        tokenised = map(self.windows, self._slices(list(dict.fromkeys(items))))
        if self.device.type == "cuda":
            tokenised = one_ahead(tokenised)
        for windows, failed in tokenised:
            verdicts |= {item: Verdict([], failure=reason) for item, reason in failed.items()}
            started = list(self.forward(windows))
            verdicts |= self._read(running)
            running = started
        verdicts |= self._read(running)
        return [verdicts[item] for item in items]

    # -- tokens -----------------------------------------------------------------------------------

    def _slices(self, items: list[Item]) -> Iterator[list[Item]]:
        """Items that are tokenised and sent to the device together.

        Where rows are packed nothing is gained by sorting many, so that a slice is about one
        forward pass, or a quarter of what there is: a GPU works on it while the next is tokenised
        and the one before is read.
        """
        if not self.packed:
            yield from (items[first : first + SLICE] for first in range(0, len(items), SLICE))
            return
        around = len(self._prompt([""], ""))
        sizes = [
            around + len(item.answer) + len(item.question or "") + sum(map(len, item.contexts))
            for item in items
        ]
        most = TOKEN_CHARACTERS * min(self.token_budget, SMALL_PASS)
        most = min(TOKEN_CHARACTERS * self.token_budget, max(most, sum(sizes) // 4))
        together: list[Item] = []
        room = most
        for item, size in zip(items, sizes, strict=True):
            if together and size > room:
                yield together
                together, room = [], most
            together.append(item)
            room -= size
        if together:
            yield together

    def windows(self, items: Sequence[Item]) -> tuple[list[Window], dict[Item, str]]:
        """The windows of all items, and the items that cannot be judged with the reason."""
        windows: list[Window] = []
        failed: dict[Item, str] = {}
        prompts = [self._prompt(item.contexts, item.question) for item in items]
        encodings = self._encode(prompts, [item.answer for item in items])
        for item, encoding in zip(items, encodings, strict=True):
            try:
                if isinstance(encoding, Exception):
                    raise encoding
                if len(encoding) <= self.max_length:
                    windows.append(window_of(item, encoding))
                elif self.evidence_rule == "nearest":
                    windows.extend(self._nearest_evidence(item))
                else:
                    windows.extend(self._all_evidence(item))
            except Exception as error:
                failed[item] = f"{type(error).__name__}: {error}"
        return windows, failed

    def _encode(self, prompts: list[str], answers: list[str]) -> list[Any]:
        """Encodings of (prompt, answer), uncut; an exception where the tokenizer raises one."""
        backend = self.tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        pairs = list(zip(prompts, answers, strict=True))
        try:
            return list(backend.encode_batch(pairs))
        except Exception as error:
            if len(pairs) == 1:
                return [error]
            return [self._encode([prompt], [answer])[0] for prompt, answer in pairs]

    def _nearest_evidence(self, item: Item) -> list[Window]:
        """A window for each sentence of the answer, with the evidence that is nearest to it.

        How much evidence a sentence is judged against does not depend on how much there is, so
        that length does not make it supported.
        """
        offsets = self._offsets(item.answer)
        sentences = split_sentences(item.answer, offsets, SHORTEST_SENTENCE)
        spaces = [self._space(item._replace(answer=sentence)) for _, sentence in sentences]
        size = min(self.max_length // 4 - LABEL_TOKENS, *spaces)
        evidence = self._evidence(item.contexts, size)
        tokens = len(evidence) + LABEL_TOKENS * len(item.contexts)
        needed = max(2, math.ceil(tokens / self._space(item._replace(answer=""))))
        windows: list[Window] = []
        for part, ((start, sentence), space) in enumerate(zip(sentences, spaces, strict=True)):
            query = self._terms(f"{item.question or ''} {sentence}")
            passages = evidence.nearest(query, min(space, self.max_length // 2), LABEL_TOKENS)
            window = self._fitted(item, self._prompt(passages, item.question), sentence, start)
            windows.append(window._replace(truncated=True, needed=needed, part=part))
        return windows

    def _evidence(self, passages: tuple[str, ...], size: int) -> Evidence:
        """The passages in pieces of `size` tokens; those asked for last are kept."""
        if (passages, size) not in self._recent:
            if len(self._recent) == KEPT_EVIDENCE:
                del self._recent[next(iter(self._recent))]
            self._recent[passages, size] = Evidence(
                [
                    Piece(number, part, text, self._terms(text))
                    for number, passage in enumerate(passages)
                    for part, text in enumerate(
                        split_passage(passage, self._offsets(passage), size, overlap=0.0)
                    )
                ]
            )
        return self._recent[passages, size]

    def _all_evidence(self, item: Item) -> list[Window]:
        """Windows of all evidence, grouped by passage as LettuceDetect groups them.

        Under "any" a passage that is too long for a window of its own is split first; under
        "every" it is cut at the window's end, as LettuceDetect does, and the cut is reported.
        """
        passages = list(item.contexts)
        space = self._space(item)
        if self.evidence_rule == "any":
            passages = [
                piece
                for text in passages
                for piece in split_passage(text, self._offsets(text), space)
            ]
        groups = self.group_passages(passages, item.question, item.answer)
        windows = [window for group in groups for window in self._fitted_all(item, group)]
        return [window._replace(needed=len(windows)) for window in windows]

    def _space(self, item: Item) -> int:
        """The tokens of evidence that fit a window beside question and answer."""
        fixed = self._count(item.answer) + self._count(self._prompt([""], item.question))
        line = f"{LANG_TO_PASSAGE[self.lang]} {10 * len(item.contexts)}: "
        space = self.max_length - fixed - self._count(line) - 8  # special tokens, merges
        if space < MIN_EVIDENCE_TOKENS:
            raise ValueError(
                f"question and answer take {fixed} of the window's {self.max_length} tokens and "
                "leave no room for evidence"
            )
        return space

    def _fitted_all(self, item: Item, group: list[str]) -> list[Window]:
        """The windows of a group; LettuceDetect counts three special tokens, RoBERTa has four."""
        window = self._fitted(item, self._prompt(group, item.question), item.answer)
        if not window.truncated or len(group) == 1 or self.evidence_rule == "every":
            return [window]
        middle = len(group) // 2
        return [*self._fitted_all(item, group[:middle]), *self._fitted_all(item, group[middle:])]

    def _fitted(self, item: Item, prompt: str, answer: str, start: int = 0) -> Window:
        """The window of a prompt and a part of the answer, cut at the prompt's end if it must be.

        Args:
            item: what is judged.
            prompt: question and evidence.
            answer: the item's answer or a part of it.
            start: where that part begins in the item's answer.
        """
        encoding = self._encode([prompt], [answer])[0]
        truncated = len(encoding) > self.max_length
        if truncated:
            encoding = self.tokenizer(
                prompt, answer, truncation="only_first", max_length=self.max_length
            ).encodings[0]
        return window_of(item, encoding, start)._replace(truncated=truncated)

    def _prompt(self, contexts: Sequence[str], question: str | None) -> str:
        return format_prompt(contexts, question, self.lang)

    def _offsets(self, text: str) -> list[tuple[int, int]]:
        encoding = self.tokenizer(text, add_special_tokens=False).encodings[0]
        return list(encoding.offsets)

    def _terms(self, text: str) -> list[str]:
        """Tokens for a search, the same for a word at the beginning and inside of a text."""
        words = " ".join(text.lower().split())
        return list(self.tokenizer.tokenize(f" {words}", add_special_tokens=False))

    def _count(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    # -- forward passes ---------------------------------------------------------------------------

    def forward(self, windows: list[Window]) -> Iterator[tuple[list[Window], HostCopy | str]]:
        """Batches with their margins, or with the reason where a single window failed.

        A failing batch is halved until the window at fault is alone. Out of memory, the budget is
        halved too, and what is left is cut anew.
        """
        queue = self._cut(windows)
        while queue:
            batch = queue.pop(0)
            try:
                outcome: HostCopy | str = HostCopy(self._margins(batch))
                memory = False
            except Exception as error:
                outcome, memory = f"{type(error).__name__}: {error}", is_out_of_memory(error)
            if memory:
                # Outside the except block: the traceback there would keep the tensors alive.
                free_memory()
            if isinstance(outcome, HostCopy) or len(batch) == 1:
                yield batch, outcome
            elif memory:
                tokens = sum(len(w.ids) for w in batch) if self.packed else padded_tokens(batch)
                self.token_budget = max(1, tokens // 2)
                queue = self._cut([w for b in [batch, *queue] for w in b])
            else:
                middle = len(batch) // 2
                queue[:0] = [batch[:middle], batch[middle:]]

    def _cut(self, windows: list[Window]) -> list[list[Window]]:
        return (cut_packed if self.packed else cut_batches)(windows, self.token_budget)

    @torch.inference_mode()
    def _margins(self, batch: list[Window]) -> torch.Tensor:
        """Hallucinated minus supported logit of every token: rows x tokens, or packed rows.

        Like LettuceDetect, no token type ids: its checkpoints are trained without.
        """
        if self.packed:
            logits = packed_logits(self.model, [window.ids for window in batch]).float()
        else:
            ids = np.full((len(batch), len(batch[0].ids)), self.tokenizer.pad_token_id or 0)
            mask = np.zeros_like(ids)
            for row, window in enumerate(batch):
                ids[row, : len(window.ids)] = window.ids
                mask[row, : len(window.ids)] = 1
            logits = self.model(
                input_ids=on_device(ids, self.device), attention_mask=on_device(mask, self.device)
            ).logits.float()
        return logits[..., 1] - logits[..., 0]

    def _read(self, outcomes: list[tuple[list[Window], HostCopy | str]]) -> dict[Item, Verdict]:
        """Verdicts of forward passes; the windows of one item are joined by the evidence rule."""
        margins: dict[Item, list[tuple[Window, np.ndarray]]] = defaultdict(list)
        failed: dict[Item, str] = {}
        for batch, outcome in outcomes:
            if isinstance(outcome, str):
                failed[batch[0].item] = outcome
                continue
            for window, row in zip(batch, answer_margins(batch, outcome.array()), strict=True):
                margins[window.item].append((window, row))
        verdicts = {item: Verdict([], failure=reason) for item, reason in failed.items()}
        for item in margins.keys() - failed.keys():
            verdicts[item] = self._verdict(item, margins[item])
        return verdicts

    def _verdict(self, item: Item, read: list[tuple[Window, np.ndarray]]) -> Verdict:
        """Joins the margins of an item's windows, part by part of its answer."""
        join = np.maximum if self.evidence_rule == "every" else np.minimum
        parts: dict[int, np.ndarray] = {}
        offsets: dict[int, list[tuple[int, int]]] = {}
        for window, row in read:
            parts[window.part] = join(parts.get(window.part, row), row)
            offsets[window.part] = window.offsets
        joined = np.concatenate([parts[part] for part in sorted(parts)])
        if not np.isfinite(joined).all():
            return Verdict([], failure="the model's output is not a number")
        places = [place for part in sorted(parts) for place in offsets[part]]
        try:
            spans = self._spans(item, places, joined)
        except Exception as error:  # the typing head's
            return Verdict([], failure=f"{type(error).__name__}: {error}")
        windows = [window for window, _ in read]
        return Verdict(spans, any(window.truncated for window in windows), windows[0].needed)

    def _spans(self, item: Item, offsets: list[tuple[int, int]], margins: np.ndarray) -> list[Span]:
        spans = token_spans(item.answer, offsets, margins.tolist(), self.threshold)
        if self.typer is not None:
            spans = self.typer.type_spans(item.answer, "\n".join(item.contexts), spans)
        return spans
