"""How an LLM is asked: failures stay with their row, and what it has said is not asked again.

The LLM that `cached(llm)` gives takes the place of `llm` in any Task, in this package's pipelines
and in distilabel's. Each reply is stored as it arrives, so that a run that was interrupted, or
repeated with other settings further down, asks only for what is missing.
"""

import asyncio
import itertools
import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

from distilabel.errors import DistilabelUserError
from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.models.llms import LLM, AsyncLLM
from distilabel.models.mixins.cuda_device_placement import CudaDevicePlacementMixin
from distilabel.typing import FormattedInput, GenerateOutput
from pydantic import Field, PositiveFloat, PositiveInt, PrivateAttr, SecretStr, field_validator

from distilabel_rag4rag.models.llms.generation_key import shaped_by
from distilabel_rag4rag.models.llms.generation_store import GenerationStore
from distilabel_rag4rag.models.llms.logged_warnings import collect_warnings_of, logged_warnings
from distilabel_rag4rag.models.llms.loop_thread import LoopThread
from distilabel_rag4rag.models.llms.output_check import check_output, failed_output
from distilabel_rag4rag.models.llms.throttle import Throttle
from distilabel_rag4rag.models.llms.wrapped_llm import WrappedLLM
from distilabel_rag4rag.utils.hashing import hash_of
from distilabel_rag4rag.utils.json_store import Store
from distilabel_rag4rag.utils.progress import report_rows
from distilabel_rag4rag.utils.public import public

#: How many inputs an LLM that is not asynchronous gets at once, where it does not say itself, and
#: how many such calls a batch of its step should hold: inputs of like length go together.
INPUTS_PER_CALL, CALLS_PER_BATCH = 256, 8
#: Rows that should be under way for each request in flight: so many are answered while one takes
#: thirty times as long as most.
ROWS_PER_REQUEST = 64
#: How often a request is sent again, by LLMs that do not say.
RETRIES = 6
#: For the limit of tokens, which must be known before the server has counted them.
CHARACTERS_PER_TOKEN, OUTPUT_TOKENS = 4, 128


@public
class CachedLLM(WrappedLLM):
    """An LLM whose generations are text or None, kept on disk; made by `cached`.

    A reply is found again by all that shapes it: the LLM's class, version and settings (less
    keys, timeouts and the like; of a local model also the content of its files), the messages,
    the number of generations, the generation settings and `repetition`. Two rows with the same
    prompt share one reply. A reply of None, and one of several generations that holds None, is
    not kept.

    With and without the cache a request that fails, or whose reply is not text, makes None of the
    one input it concerns. Why stands among the statistics of the output, as `error`, which
    distilabel's tasks write to a row's `distilabel_metadata`, and is logged. The parts of a
    reply in parts are joined; tokens that the LLM does not count are left out.

    An asynchronous LLM gets `max_concurrency` requests at once: one starts when another ends, also
    across the batches of a step in `FailFastPipeline`, and within one in distilabel's `Pipeline`,
    where the step's `input_batch_size` should be as large as `rows_at_once`. What its server
    refuses for a time is sent again, as often as the LLM's `max_retries` says and when the
    server's `Retry-After` says, and fewer requests are in flight until it takes them. An LLM that
    is not asynchronous gets the inputs of a batch sorted by length.

    The runtime parameters are those of the wrapped LLM, under the same names, and our own. An
    LLM with `use_offline_batch_generation` is refused: it keeps its own jobs.

    Attributes:
        llm: the LLM that is asked.
        folder: where the generations lie; None is `generations` in the folder that the
            environment's RAG4RAG_CACHE names, else in the user's cache folder.
        size_limit: bytes; beyond them the oldest generations go.
        enabled: False asks for everything and keeps nothing.
        repetition: another number asks anew, and keeps both replies.
        inputs_per_call: how many inputs an LLM that is not asynchronous gets at once, and how
            many replies a kill can lose; None is the LLM's own `batch_size`, else 256.
        max_concurrency: how many requests of an asynchronous LLM may be in flight, in each replica
            of a step.
        requests_per_minute: how many requests an asynchronous LLM may send; None is any number.
        tokens_per_minute: how many tokens an asynchronous LLM may use; None is any number. They
            are estimated as servers do it: a quarter of the characters, and `max_new_tokens`.

    Runtime parameters:
        - `folder`: where the generations lie.
        - `size_limit`: bytes; beyond them the oldest generations go.
        - `enabled`: False asks for everything and keeps nothing.
        - `repetition`: another number asks anew.
        - `inputs_per_call`: how many inputs an LLM that is not asynchronous gets at once.
        - `max_concurrency`: how many requests of an asynchronous LLM may be in flight.
        - `requests_per_minute`: how many requests an asynchronous LLM may send.
        - `tokens_per_minute`: how many tokens an asynchronous LLM may use.

    Examples:
        The second question like the first is not asked:

        ```python
        from tempfile import mkdtemp

        from distilabel_rag4rag.models.llms.cached_llm import cached
        from distilabel_rag4rag.testing import ScriptedLLM

        llm = cached(ScriptedLLM(default="Yes."), folder=mkdtemp())
        llm.load()
        question = [{"role": "user", "content": "Is it kept?"}]
        assert llm.generate(inputs=[question])[0]["generations"] == ["Yes."]
        llm.llm.default = "No."
        assert llm.generate(inputs=[question])[0]["generations"] == ["Yes."]
        llm.unload()
        ```
    """

    folder: RuntimeParameter[str] | None = Field(
        default=None, description="Where the generations lie."
    )
    size_limit: RuntimeParameter[PositiveInt] = Field(
        default=2 * 10**9, description="Bytes; beyond them the oldest generations go."
    )
    enabled: RuntimeParameter[bool] = Field(
        default=True, description="False asks for everything and keeps nothing."
    )
    repetition: RuntimeParameter[int] = Field(
        default=0, description="Another number asks anew, and keeps both replies."
    )
    inputs_per_call: RuntimeParameter[PositiveInt] | None = Field(
        default=None,
        description="How many inputs an LLM that is not asynchronous gets at once.",
    )
    max_concurrency: RuntimeParameter[PositiveInt] = Field(
        default=32, description="How many requests of an asynchronous LLM may be in flight."
    )
    requests_per_minute: RuntimeParameter[PositiveFloat] | None = Field(
        default=None, description="How many requests an asynchronous LLM may send."
    )
    tokens_per_minute: RuntimeParameter[PositiveFloat] | None = Field(
        default=None, description="How many tokens an asynchronous LLM may use."
    )

    does_not_shape_replies: ClassVar = (
        *("folder", "size_limit", "enabled", "inputs_per_call"),
        *("max_concurrency", "requests_per_minute", "tokens_per_minute"),
    )
    _own_parameters: ClassVar = (*does_not_shape_replies, "repetition")
    _store: Store | None = PrivateAttr(None)
    _given_store: Store | None = PrivateAttr(None)
    _identity: Any = PrivateAttr(None)
    _is_loaded: bool = PrivateAttr(False)

    @field_validator("llm")
    @classmethod
    def _no_offline_batches(cls, llm: LLM) -> LLM:
        if llm.use_offline_batch_generation:
            raise DistilabelUserError(
                "cached(llm) found use_offline_batch_generation=True; such an LLM keeps its own "
                "jobs: use it without cached()"
            )
        return llm

    def load(self) -> None:
        """Open the cache and load the LLM; the packaged one is loaded when it is asked first."""
        super().load()
        if not (self.enabled and getattr(self.llm, "weights_source", None)):
            self._load_llm()
        if self.enabled:
            self._identity = shaped_by(self.llm)  # loading may have fetched the weights
            self._store = self._given_store or GenerationStore(self.folder, self.size_limit)

    def store_to_share(self) -> Callable[[], GenerationStore] | None:
        """What opens the cache, for several machines to use; None where nothing is kept."""
        folder = GenerationStore.place(self.folder)
        return partial(GenerationStore, folder, self.size_limit) if self.enabled else None

    def use_store(self, store: Store) -> None:
        """Keep the generations in this store and not in `folder`."""
        self._given_store = store

    def _load_llm(self) -> None:
        if isinstance(self.llm, CudaDevicePlacementMixin) and self.llm._llm_identifier is None:
            self.llm._llm_identifier = f"cached-{os.getpid()}"  # distilabel names direct ones only
        self._is_loaded = True  # also where it fails: there may be something to unload
        self._load_inner()
        collect_warnings_of(self.llm)

    def _load_inner(self) -> None:
        self.llm.load()

    def unload(self) -> None:
        """Unload the LLM and close the cache."""
        if self._is_loaded:
            self.llm.unload()
            self._is_loaded = False
        if self._store is not None:
            self._store.close()
            self._store = None

    def generate(  # type: ignore[override]
        self, inputs: list[FormattedInput], num_generations: int = 1, **kwargs: Any
    ) -> list[GenerateOutput]:
        """The kept replies and, for the other inputs, the LLM's."""
        if self._store is None:  # inputs that are the same are asked each for itself
            keys = [str(number) for number in range(len(inputs))]
        else:
            keys = [self._key(input, num_generations, kwargs) for input in inputs]
        outputs = self._kept(keys, num_generations)
        missing = [
            (key, input)
            for key, input in dict(zip(keys, inputs, strict=True)).items()
            if key not in outputs
        ]
        missing.sort(key=lambda item: _characters(item[1]))  # padded least, and generated fastest
        if missing and not self._is_loaded:
            self._load_llm()
        size = self._inputs_per_call
        for start in range(0, len(missing), size):
            report_rows(sum(key in outputs for key in keys))
            part = missing[start : start + size]
            replies = self._ask([input for _, input in part], num_generations, kwargs)
            for (key, _), output in zip(part, replies, strict=True):
                outputs[key] = self._keep(key, output)
        return [_copy(outputs[key]) for key in keys]

    @property
    def _inputs_per_call(self) -> int:
        own = getattr(self.llm, "batch_size", None)
        return self.inputs_per_call or (own if isinstance(own, int) else INPUTS_PER_CALL)

    @property
    def rows_at_once(self) -> int:
        """How many rows a step should have at once, so that the LLM is kept busy."""
        return CALLS_PER_BATCH * self._inputs_per_call

    def _ask(
        self, inputs: list[FormattedInput], num_generations: int, kwargs: dict[str, Any]
    ) -> list[GenerateOutput]:
        """One call; where it fails, one for each input, so that only the bad ones are None."""
        try:
            with logged_warnings() as logged:
                outputs = self.llm.generate(
                    inputs=[_copy(input) for input in inputs],
                    num_generations=num_generations,
                    **kwargs,
                )
            if len(outputs) != len(inputs):
                raise ValueError(f"{len(outputs)} replies to {len(inputs)} inputs")
        except Exception as error:
            if len(inputs) == 1:
                return [self._failed(error, num_generations)]
            return [self._ask([input], num_generations, kwargs)[0] for input in inputs]
        known = logged if len(inputs) == 1 else []  # else it is unknown which input is meant
        return [self._checked(output, num_generations, known) for output in outputs]

    def _checked(self, output: Any, num_generations: int, logged: list[str]) -> GenerateOutput:
        checked, reason = check_output(output, num_generations, logged)
        if reason and not logged:
            self._logger.warning(f"LLM '{self.model_name}': {reason}")
        return checked

    def _failed(self, error: Exception, num_generations: int) -> GenerateOutput:
        output, reason = failed_output(error, num_generations, _secrets(self.llm))
        self._logger.warning(f"LLM '{self.model_name}': {reason}")
        return output

    def _kept(self, keys: Iterable[str], num_generations: int) -> dict[str, GenerateOutput]:
        found = self._store.get(set(keys)) if self._store is not None else {}
        return {
            key: check_output(kept, num_generations)[0]
            for key, kept in found.items()
            if _is_whole(kept, num_generations)
        }

    def _keep(self, key: str, output: GenerateOutput) -> GenerateOutput:
        """Store an output in which no generation is None."""
        if self._store is not None and None not in output["generations"]:
            self._store.put(key, output)
        return output

    def _key(self, input: FormattedInput, num_generations: int, kwargs: dict[str, Any]) -> str:
        return hash_of([self._identity, input, num_generations, kwargs, self.repetition])


@public
class CachedAsyncLLM(CachedLLM, AsyncLLM):
    """`CachedLLM` for LLMs that are asked asynchronously: each reply is kept as it arrives."""

    llm: AsyncLLM
    #: Several batches may be asked for at the same time, in threads.
    takes_batches_at_once: ClassVar = True
    _asked: dict[str, "asyncio.Task[GenerateOutput]"] = PrivateAttr(default_factory=dict)
    _throttle: Throttle | None = PrivateAttr(None)
    _loop_thread: LoopThread | None = PrivateAttr(None)

    def _load_inner(self) -> None:
        """Without the client's own retries: what sends again must know of each refusal."""
        retries = getattr(self.llm, "max_retries", None)
        if retries is not None:
            self.llm.max_retries = 0  # type: ignore[attr-defined]
        try:
            self.llm.load()
        finally:
            if retries is not None:
                self.llm.max_retries = retries  # type: ignore[attr-defined]
        self._throttle = Throttle(
            self.max_concurrency,
            self.requests_per_minute,
            self.tokens_per_minute,
            RETRIES if retries is None else retries,
        )
        self._loop_thread = LoopThread()

    def unload(self) -> None:
        """Unload the LLM, close the cache and end the thread of the requests."""
        if self._loop_thread is not None:
            self._loop_thread.close()
            self._loop_thread = None
        super().unload()

    @property
    def rows_at_once(self) -> int:
        """How many rows a step should have under way, so that the server is kept busy."""
        return ROWS_PER_REQUEST * self.max_concurrency

    def generate(  # type: ignore[override]
        self, inputs: list[FormattedInput], num_generations: int = 1, **kwargs: Any
    ) -> list[GenerateOutput]:
        """The kept replies and, for the other inputs, the LLM's; from any thread."""
        assert self._loop_thread is not None, "load() begins the thread"
        return self._loop_thread.run(
            self._agenerate(inputs=inputs, num_generations=num_generations, **kwargs)
        )

    async def _agenerate(
        self, inputs: list[FormattedInput], num_generations: int = 1, **kwargs: Any
    ) -> list[GenerateOutput]:
        """The replies in order; two inputs that are the same are asked once."""
        done = itertools.count(1)
        keys = [self._key(input, num_generations, kwargs) for input in inputs]
        # All at once, since the store may be on another machine.
        kept = self._kept(keys, num_generations)

        async def reply_to(key: str, input: FormattedInput) -> GenerateOutput:
            output = kept.get(key) or await self._reply(key, input, num_generations, kwargs)
            report_rows(next(done))
            return _copy(output)

        replies = [reply_to(key, input) for key, input in zip(keys, inputs, strict=True)]
        return list(await asyncio.gather(*replies))

    async def agenerate(  # type: ignore[override]
        self, input: FormattedInput, num_generations: int = 1, **kwargs: Any
    ) -> GenerateOutput:
        """The kept reply, or the LLM's."""
        return (await self._agenerate([input], num_generations, **kwargs))[0]

    async def _reply(self, key: str, *request: Any) -> GenerateOutput:
        """The reply to an input that no store holds; one that is asked already is waited for."""
        if self._store is None:
            return await self._aask(*request)
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(self._aask_and_keep(key, *request))
        try:
            return await self._asked[key]
        finally:
            self._asked.pop(key, None)

    async def _aask_and_keep(self, key: str, *request: Any) -> GenerateOutput:
        return self._keep(key, await self._aask(*request))

    async def _aask(
        self, input: FormattedInput, num_generations: int, kwargs: dict[str, Any]
    ) -> GenerateOutput:
        async def request() -> list[GenerateOutput]:
            return await self.llm._agenerate(
                inputs=[_copy(input)], num_generations=num_generations, **kwargs
            )

        assert self._throttle is not None, "load() makes it"
        most = kwargs.get("max_new_tokens") or OUTPUT_TOKENS
        tokens = _characters(input) / CHARACTERS_PER_TOKEN + most * num_generations
        try:
            with logged_warnings() as logged:
                outputs = await self._throttle.send(request, tokens)
            if len(outputs) != 1:
                raise ValueError(f"{len(outputs)} replies to 1 input")
        except Exception as error:
            return self._failed(error, num_generations)
        return self._checked(outputs[0], num_generations, logged)


def cached(llm: LLM, **settings: Any) -> CachedLLM:
    """The LLM, with its generations kept on disk.

    Args:
        llm: any of distilabel's or your own.
        settings: those of `CachedLLM`, such as `max_concurrency` and `folder`.

    Returns:
        An LLM that can take the place of `llm`; `llm` itself where it is such a one already.
    """
    if isinstance(llm, CachedLLM):
        return llm
    return (CachedAsyncLLM if isinstance(llm, AsyncLLM) else CachedLLM)(llm=llm, **settings)


def _is_whole(kept: Any, num_generations: int) -> bool:
    """Whether an entry holds so many texts; any other, of whatever version, is asked for again."""
    generations = kept.get("generations") if isinstance(kept, dict) else None
    return (
        isinstance(generations, list)
        and len(generations) == num_generations
        and all(isinstance(text, str) for text in generations)
    )


def _characters(input: FormattedInput) -> int:
    return len(str(input))


def _secrets(llm: LLM) -> list[str]:
    """The keys that an LLM was given."""
    found = [value for _, value in llm if isinstance(value, SecretStr)]
    return [secret.get_secret_value() for secret in found]


def _copy(value: Any) -> Any:
    """A copy that an LLM or a task may change: MixtureOfAgentsLLM writes into its inputs."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copy(item) for item in value)
    return value
