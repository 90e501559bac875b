"""EmbeddedLLM: distilabel's TransformersLLM with generation in real batches."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilabel.errors import DistilabelUserError
from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.models import TransformersLLM
from distilabel.models.llms.utils import prepare_output
from distilabel.typing import GenerateOutput, StandardInput
from pydantic import Field, PositiveInt, validate_call

from distilabel_rag4rag.models.packaged import EMBEDDED, llm_path
from distilabel_rag4rag.utils.progress import report_rows
from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    import torch
    from transformers import LogitsProcessorList


#: Prompts that begin alike are a batch of their own if they fill at least this part of one.
FEW = 4


@public
class EmbeddedLLM(TransformersLLM):
    """SmolLM2-135M-Instruct from its package, or any causal LM, generated in batches.

    distilabel's `TransformersLLM` generates row by row. Here rows of like length are generated
    together, those with the same earlier turns first; a finished row leaves its batch, and what
    all prompts of a batch begin with (the system prompt, worked examples) is computed once. Greedy
    by default. When sampling, each row draws from a generator seeded by `seed` and the row's own
    prompt, so that a reply does not depend on which rows stand beside it.

    Attributes:
        model: `embedded`, converted and found on the machine that loads it; or a Hub id or path
            of any causal LM that transformers loads.
        batch_size: rows generated together.

    Runtime parameters:
        - `batch_size`: rows generated together.

    Examples:
        A short answer, the first words of which are given:

        ```python
        from distilabel_rag4rag import embedded

        llm = embedded.llm(max_new_tokens=8)
        llm.load()
        out = llm.generate(
            inputs=[[{"role": "user", "content": "What is the capital of France?"}]],
            max_new_tokens=8,
            reply_prefix="The capital of France is",
        )
        assert "Paris" in out[0]["generations"][0]
        ```
    """

    model: str = EMBEDDED
    batch_size: RuntimeParameter[PositiveInt] = Field(
        default=32, description="The rows generated together."
    )

    def load(self) -> None:
        """Finds the model, converting it on first use, and loads it."""
        if self.structured_output is not None:
            raise DistilabelUserError(
                f"structured_output={self.structured_output!r} given to EmbeddedLLM, which takes"
                " None only; TransformersLLM takes a schema."
            )
        name = self.model
        try:
            self.model = llm_path() if name == EMBEDDED else name
            super().load()
        finally:
            self.model = name  # a dump made after load() holds no machine's path

    def unload(self) -> None:
        """Frees the model; `load()` works again afterwards."""
        super().unload()
        self._pipeline = None

    @property
    def weights_source(self) -> str | None:
        """The packaged weights' name, which holds their hash; None for a model that `model` names.

        It is part of the key of a cached reply.
        """
        return Path(llm_path()).name if self.model == EMBEDDED else None

    @property
    def model_name(self) -> str:
        """The name of the model inside."""
        return "SmolLM2-135M-Instruct" if self.model == EMBEDDED else self.model

    @validate_call
    def generate(  # type: ignore[override]
        self,
        inputs: list[StandardInput],
        num_generations: int = 1,
        max_new_tokens: int = 64,
        temperature: float = 1.0,
        repetition_penalty: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
        do_sample: bool = False,
        seed: int = 0,
        reply_prefix: str | None = None,
        stop: list[str] | None = None,
    ) -> list[GenerateOutput]:
        """Generates replies in batches of rows of like length.

        Args:
            inputs: conversations.
            num_generations: replies per conversation; without sampling they are all the same.
            max_new_tokens: the longest reply, in tokens, `reply_prefix` not counted.
            temperature: divides the logits, when sampling.
            repetition_penalty: above 1.0, tokens of the prompt and the reply become less likely,
                also those that an answer should copy from a passage.
            top_p: the share of probability that sampling draws from.
            top_k: the number of tokens that sampling draws from; 0 means all.
            do_sample: sample instead of taking the likeliest token.
            seed: of the sampling.
            reply_prefix: the text that every reply begins with; the model continues it.
            stop: a reply ends before the first of these strings.

        Returns:
            One output per conversation, in order, with exact token counts.
        """
        prompts = [self.prepare_input(messages) + (reply_prefix or "") for messages in inputs]
        # No special tokens: the chat template has written them.
        encoded = self._tokenizer(prompts, add_special_tokens=False)["input_ids"] if prompts else []
        processors = _processors(repetition_penalty, temperature, top_p, top_k, do_sample)
        repeats = num_generations if do_sample else 1
        jobs = [(row, n) for row in range(len(inputs)) for n in range(repeats)]
        jobs.sort(key=lambda job: len(encoded[job[0]]))
        begins = [str(messages[:-1]) for messages in inputs]
        replies: dict[tuple[int, int], tuple[str, int]] = {}
        for batch in _batched(jobs, self.batch_size, begins):  # type: ignore[arg-type]
            seeds = [_seed(seed, n, prompts[row]) for row, n in batch] if do_sample else None
            tokens = self._generate_batch(
                [encoded[row] for row, _ in batch], processors, seeds, max_new_tokens, stop or []
            )
            for job, ids in zip(batch, tokens, strict=True):
                text = self._tokenizer.decode(ids, skip_special_tokens=True)
                replies[job] = ((reply_prefix or "") + _cut(text, stop or []), len(ids))
            report_rows(len(replies) // repeats)
        outputs = []
        for row in range(len(inputs)):
            own = [replies[row, n if do_sample else 0] for n in range(num_generations)]
            outputs.append(
                prepare_output(
                    [text for text, _ in own],
                    input_tokens=[len(encoded[row])] * num_generations,
                    output_tokens=[count for _, count in own],
                )
            )
        return outputs

    @property
    def _tokenizer(self) -> Any:
        return self._pipeline.tokenizer  # type: ignore[union-attr, attr-defined]

    def _generate_batch(
        self,
        prompts: list[list[int]],
        processors: Any,
        seeds: list[int] | None,
        max_new_tokens: int,
        stop: list[str],
    ) -> list[list[int]]:
        """The tokens of each prompt's reply, the end token included where the model wrote it."""
        import torch
        from transformers import DynamicCache

        model: Any = self._pipeline.model  # type: ignore[union-attr, attr-defined]
        ends = model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        generators = [torch.Generator().manual_seed(seed) for seed in seeds] if seeds else None
        replies: list[list[int]] = [[] for _ in prompts]
        active = list(range(len(prompts)))
        with torch.inference_mode():
            cache = DynamicCache(config=model.config)
            shared = _shared_prefix(prompts)
            if shared:
                prefix = torch.tensor([prompts[0][:shared]], device=model.device)
                model(input_ids=prefix, past_key_values=cache, use_cache=True, logits_to_keep=1)
                cache.batch_repeat_interleave(len(prompts))
            ids, mask = _left_padded([prompt[shared:] for prompt in prompts], model.device)
            mask = torch.cat([mask.new_ones(len(prompts), shared), mask], dim=1)
            seen = torch.cat([ids.new_tensor([p[:shared] for p in prompts]), ids], dim=1)
            while True:
                positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
                logits = model(
                    input_ids=ids,
                    attention_mask=mask,
                    position_ids=positions,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                ).logits[:, -1]
                chosen = _choose(processors(seen, logits.float()), generators, active)
                going = []
                for place, row in enumerate(active):
                    replies[row].append(int(chosen[place]))
                    if not self._finished(replies[row], ends, max_new_tokens, stop):
                        going.append(place)
                if not going:
                    return replies
                ids = chosen[:, None]
                mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
                seen = torch.cat([seen, ids], dim=1)
                if len(going) < len(active):
                    keep = torch.tensor(going, device=model.device)
                    active = [active[place] for place in going]
                    cache.batch_select_indices(keep)
                    ids, mask, seen = ids[keep], mask[keep], seen[keep]

    def _finished(
        self, reply: list[int], ends: set[int], max_new_tokens: int, stop: list[str]
    ) -> bool:
        if reply[-1] in ends or len(reply) >= max_new_tokens:
            return True
        # Eight tokens back are enough to see a stop string that the last token completes.
        return bool(stop) and any(text in self._tokenizer.decode(reply[-8:]) for text in stop)


def _processors(
    repetition_penalty: float, temperature: float, top_p: float, top_k: int, do_sample: bool
) -> "LogitsProcessorList":
    from transformers import (
        LogitsProcessorList,
        RepetitionPenaltyLogitsProcessor,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    processors = LogitsProcessorList()
    if repetition_penalty != 1.0:
        processors.append(RepetitionPenaltyLogitsProcessor(repetition_penalty))
    if do_sample and temperature != 1.0:
        processors.append(TemperatureLogitsWarper(temperature))
    if do_sample and top_k > 0:
        processors.append(TopKLogitsWarper(top_k))
    if do_sample and top_p < 1.0:
        processors.append(TopPLogitsWarper(top_p))
    return processors


def _choose(logits: "torch.Tensor", generators: Any, active: list[int]) -> "torch.Tensor":
    """The next token of each active row."""
    import torch

    if generators is None:
        return logits.argmax(dim=-1)
    chosen = [
        torch.multinomial(row.softmax(dim=-1).cpu(), 1, generator=generators[index])
        for row, index in zip(logits, active, strict=True)
    ]
    return torch.cat(chosen).to(logits.device)


def _left_padded(rows: list[list[int]], device: Any) -> "tuple[torch.Tensor, torch.Tensor]":
    """Token ids and attention mask, padded on the left, where generation does not continue."""
    import torch

    width = max(len(row) for row in rows)
    ids = [[0] * (width - len(row)) + row for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _shared_prefix(rows: list[list[int]]) -> int:
    """How many tokens all rows begin with; at least one token of each row is left over."""
    if len(rows) < 2:
        return 0
    longest = min(len(row) for row in rows) - 1
    return next((i for i in range(longest) if len({row[i] for row in rows}) > 1), longest)


def _cut(text: str, stop: list[str]) -> str:
    ends = [text.find(string) for string in stop if string in text]
    return text[: min(ends)].rstrip() if ends else text


def _seed(seed: int, number: int, prompt: str) -> int:
    digest = hashlib.sha256(f"{seed}\n{number}\n{prompt}".encode()).digest()
    return int.from_bytes(digest[:7], "big")


def _batched(
    jobs: list[tuple[int, int]], size: int, begins: list[str]
) -> Iterator[list[tuple[int, int]]]:
    """Batches of jobs whose prompts begin alike, then those of the jobs that are left over."""
    alike: dict[str, list[tuple[int, int]]] = {}
    for job in jobs:
        alike.setdefault(begins[job[0]], []).append(job)
    left = []
    for own in alike.values():
        whole = len(own) - len(own) % size
        if len(own) - whole >= size / FEW:
            whole = len(own)
        for start in range(0, whole, size):
            yield own[start : start + size]
        left += own[whole:]
    order = {job: place for place, job in enumerate(jobs)}
    left.sort(key=order.__getitem__)
    for start in range(0, len(left), size):
        yield left[start : start + size]


def make_embedded_llm(**settings: Any) -> EmbeddedLLM:
    """An `EmbeddedLLM` of settings that are its fields or, all others, those of `generate`."""
    fields = {name: settings.pop(name) for name in EmbeddedLLM.model_fields if name in settings}
    generation = {**fields.pop("generation_kwargs", {}), **settings}
    return EmbeddedLLM(generation_kwargs=generation, **fields)
