"""LettuceDetectJudge: evidence and answer -> hallucinated spans and a score."""

import gc
import importlib
import sys
from typing import TYPE_CHECKING, Any, Literal

from distilabel.errors import DistilabelUserError
from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.steps.base import Step, StepInput
from pydantic import Field, PrivateAttr, field_serializer

from distilabel_rag4rag.steps.judging.detectors.items import Item, Verdict, item_or_reason
from distilabel_rag4rag.steps.judging.detectors.make_detector import (
    BATCH_SETTINGS,
    OBJECT_PREFIX,
    check_settings,
    make_detector,
)
from distilabel_rag4rag.steps.judging.detectors.spans import tidy
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.threads import OwnThread

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput


@public
class LettuceDetectJudge(Step):
    """Find the spans of an answer that its evidence does not support, with LettuceDetect.

    Every answer is judged against its `contexts` by a LettuceDetect token classifier, with
    LettuceDetect's prompts, many rows at a time. In float32 the spans are those of its
    `predict(..., output_format="spans")`, without white space at their ends; offsets are code
    points, `answer[start:end] == text`, also where LettuceDetect's own are off (an answer that
    begins with white space). An answer that cannot be judged gets no spans, the score None and a
    `judge_reason`: "abstained", "no answer", "empty answer", "no evidence" or "judge failed: …".
    One row's failure does not touch the others.

    A token belongs to a span if its probability is above `threshold`; 0.5 is LettuceDetect's
    argmax. The score is the largest confidence of the spans, so rows with
    `hallucination_score >= t` are the same for every `threshold` below t: to be stricter than 0.5,
    leave `threshold` and compare the score. (Byte-level tokenizers have tokens of white space
    alone, which can lend a joined span their confidence: there it holds nearly.) To sweep below
    0.5 too, judge with `threshold=0.0`: the score is then the largest probability of any token
    (and one span covers the answer).

    Evidence that fits `max_length` is judged whole, all passages together. What happens to longer
    evidence is decided by `evidence_rule`:

    - "nearest": each sentence of the answer is judged against the pieces of the evidence that are
      nearest to the question and that sentence (BM25 over the judge's own tokens), half a window
      of them. How much an answer is judged against does not depend on how much evidence there is,
      so that a long document supports no more than a short one. The rest is not read, which
      `evidence_truncated` says.
    - "any": all evidence is read, window by window, one forward pass each, and a token is
      supported where any window supports it. Each further window is one more chance for a wrong
      answer to pass: not for evidence of more than a few windows.
    - "every": LettuceDetect's rule, max() of the probabilities, under which an answer counts as
      supported only where every window supports it.

    Under "any" a passage longer than the window is split on sentence borders with overlap, so that
    nothing is cut; under "every" it is cut where LettuceDetect cuts it, and `evidence_truncated`
    says so.

    Attributes:
        model: a folder or Hub id of a LettuceDetect checkpoint, "embedded" for the one that this
            package builds without the Hub, or any object with LettuceDetect's `predict`. An object
            is pickled into the worker and judges row by row; a saved pipeline names it but cannot
            hold it. With `method="llm"` it is the name of the LLM.
        method: the kind of LettuceDetect detector: "transformer" (batched), or "llm", which needs
            an OpenAI-compatible server. Its "rag_fact_checker" and its native generative models
            are not offered: a reply that they cannot read would pass for a clean verdict.
        lang: language of LettuceDetect's prompt: en, de, fr, es, it, pl, cn or hu.
        max_length: window in tokens, the answer included. None takes what the checkpoint and its
            tokenizer allow, at most LettuceDetect's 4096.
        evidence_rule: "nearest", "any" or "every", for evidence longer than a window; see above.
        merge_spans: join spans with nothing but punctuation or white space between them.
        widen_spans: widen a span that begins or ends inside a word to the whole word: letters,
            digits and the marks on them, up to the next punctuation or space (not in scripts
            without spaces between words).
        taxonomy_head: folder or Hub id of LettuceDetect's typing head; every span then also has
            `category` and `subcategory`.
        detector_kwargs: further arguments of LettuceDetect's detector for methods other than
            "transformer", such as `base_url`. Keys are read from the environment (OPENAI_API_KEY);
            here they would end up in saved pipelines and are refused.
        threshold: tokens with a probability above it form spans, in [0, 1].
        min_confidence: spans below it are left out, in [0, 1].
        device: torch device such as "cpu" or "cuda:1"; None takes a GPU where there is one.
        precision: "float32", "bfloat16", or "auto": bfloat16 on a GPU and on a CPU that computes in
            it (AMX, AVX512-BF16), else float32. In bfloat16 a row's confidence can change by
            about 0.02 with the rows that it is batched with, in float32 by rounding alone.
        token_budget: tokens per forward pass, padding included; None is 2,048 on a CPU and 65,536
            on a GPU. It is halved when memory runs out.
        torch_compile: compile the layers of a ModernBERT in bfloat16 on a GPU when the step is
            loaded, which takes some ten seconds and pays from about 40,000 rows of 250 tokens on.
        threads: threads of torch in the worker; None leaves torch's own choice.
        keep_verdicts: keep each verdict in the folder `verdicts` of the environment's
            RAG4RAG_CACHE, else of the user's cache folder, and compute none twice: a run that was
            interrupted, or repeated with other settings elsewhere, judges only what is new. Not
            for an object or an LLM that judges, nor where the folder is on a network disk.

    Runtime parameters:
        - `threshold`: tokens with a probability above it form spans.
        - `min_confidence`: spans below it are left out.
        - `device`: torch device.
        - `precision`: "auto", "float32" or "bfloat16".
        - `token_budget`: tokens per forward pass, padding included.
        - `torch_compile`: compile the model's layers on a GPU.
        - `threads`: threads of torch in the worker.
        - `keep_verdicts`: keep verdicts on disk, and compute none twice.
        - `input_batch_size`: rows that are sorted by length and batched together; more rows mean
            less padding and more memory.

    Input columns:
        - answer (`Optional[str]`): the answer to judge.
        - contexts (`Union[str, List[str]]`): the evidence; None and blank members are skipped.
        - question (`Optional[str]`, optional): the question; without one LettuceDetect's summary
            prompt is used.
        - abstained (`Optional[bool]`, optional): True where the LLM declined to answer.

    Output columns:
        - hallucinated_spans (`List[Dict[str, Any]]`): spans {start, end, text, confidence} without
            support, in the answer's order.
        - hallucination_score (`Optional[float]`): the largest confidence in [0, 1], 0.0 without
            spans, None where not judged.
        - evidence_truncated (`bool`): some evidence was not read by the judge. Always False where
            an object or an LLM judges.
        - evidence_windows (`Optional[int]`): how many windows all the evidence takes, None where
            not judged and where an object or an LLM judges.
        - judge_reason (`Optional[str]`): why the answer was not judged, else None.

    Categories:
        - scorer
        - filtering

    References:
        - [LettuceDetect](https://github.com/KRLabsOrg/LettuceDetect)

    Citations:
        ```
        @misc{Kovacs:2025,
            title={LettuceDetect: A Hallucination Detection Framework for RAG Applications},
            author={Ádám Kovács and Gábor Recski},
            year={2025},
            eprint={2502.17125},
            archivePrefix={arXiv},
            primaryClass={cs.CL}
        }
        ```

    Examples:
        Judge an answer with any object that has LettuceDetect's `predict`:

        ```python
        from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge

        class YearsAreWrong:
            def predict(self, context, answer, question=None, output_format="spans"):
                start = answer.find("1989")
                span = {"start": start, "end": start + 4, "text": "1989", "confidence": 0.9}
                return [span] if start >= 0 else []

        judge = LettuceDetectJudge(model=YearsAreWrong())
        judge.load()
        rows = [{"answer": "In 1989.", "contexts": ["Her album came out in 2003."]}]
        row = next(judge.process(rows))[0]
        assert row["hallucinated_spans"][0]["text"] == "1989"
        assert row["hallucination_score"] == 0.9
        ```
    """

    model: Any = "KRLabsOrg/lettucedect-base-modernbert-en-v1"
    method: Literal["transformer", "llm"] = "transformer"
    lang: str = "en"
    max_length: int | None = Field(default=None, gt=0)
    evidence_rule: Literal["nearest", "any", "every"] = "nearest"
    merge_spans: bool = False
    widen_spans: bool = False
    taxonomy_head: str | None = None
    detector_kwargs: dict[str, Any] = Field(default_factory=dict)
    threshold: RuntimeParameter[float] = Field(
        default=0.5, ge=0.0, le=1.0, description="tokens above this probability form spans"
    )
    min_confidence: RuntimeParameter[float] = Field(
        default=0.0, ge=0.0, le=1.0, description="spans below it are left out"
    )
    device: RuntimeParameter[str] | None = Field(default=None, description="torch device")
    precision: RuntimeParameter[Literal["auto", "float32", "bfloat16"]] = Field(
        default="auto", description='"auto", "float32" or "bfloat16"'
    )
    token_budget: RuntimeParameter[int] | None = Field(
        default=None, gt=0, description="tokens per forward pass, padding included"
    )
    torch_compile: RuntimeParameter[bool] = Field(
        default=False, description="compile the model's layers on a GPU"
    )
    threads: RuntimeParameter[int] | None = Field(
        default=None, gt=0, description="threads of torch in the worker"
    )
    keep_verdicts: RuntimeParameter[bool] = Field(
        default=False, description="keep verdicts on disk, and compute none twice"
    )
    input_batch_size: RuntimeParameter[int] = Field(
        default=256, gt=0, description="rows that are sorted by length and batched together"
    )

    _detector: Any = PrivateAttr(None)
    _thread: OwnThread = PrivateAttr(default_factory=OwnThread)

    @property
    def inputs(self) -> "StepColumns":
        """`question` and `abstained` are used where they exist."""
        return {"answer": True, "contexts": True, "question": False, "abstained": False}

    @property
    def outputs(self) -> "StepColumns":
        """Spans, score, and what limits or prevents the verdict."""
        return [
            "hallucinated_spans",
            "hallucination_score",
            "evidence_truncated",
            "evidence_windows",
            "judge_reason",
        ]

    @field_serializer("model")
    def _dump_model(self, model: Any) -> Any:
        """Strings as they are; an object by the name of its class."""
        if isinstance(model, str):
            return model
        return f"{OBJECT_PREFIX}{type(model).__module__}.{type(model).__qualname__}"

    def load(self) -> None:
        """Loads the detector.

        Raises:
            DistilabelUserError: if settings contradict each other or the checkpoint.
        """
        super().load()
        fields = type(self).model_fields
        changed = {
            name
            for name in (*BATCH_SETTINGS, "detector_kwargs", "keep_verdicts")
            if getattr(self, name) != fields[name].get_default(call_default_factory=True)
        }
        check_settings(self.model, self.method, self.detector_kwargs, changed)
        self._detector = self._thread.run(self._load_detector)

    def _load_detector(self) -> Any:
        if self.threads is not None:
            importlib.import_module("torch").set_num_threads(self.threads)
        if not isinstance(self.model, str):
            _call(self.model, "load")
        return make_detector(
            self.model,
            method=self.method,
            lang=self.lang,
            detector_kwargs=self.detector_kwargs,
            device=self.device,
            keep_verdicts=bool(self.keep_verdicts),
            **{name: getattr(self, name) for name in BATCH_SETTINGS},
        )

    def unload(self) -> None:
        """Lets go of the detector and of the GPU memory that it held."""
        super().unload()
        if not isinstance(self.model, str):
            _call(self.model, "unload")
        _call(self._detector, "close")
        self._detector = None
        self._thread.end()
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Judges the rows of a batch together.

        Yields:
            The rows, in order, each with every output column.
        """
        items = [item_or_reason(row) for row in inputs]
        verdicts = iter(self._judge([item for item in items if isinstance(item, Item)]))
        for row, item in zip(inputs, items, strict=True):
            verdict = next(verdicts) if isinstance(item, Item) else Verdict([], failure=item)
            row.update(self._columns(row["answer"], verdict))
        yield inputs

    def _judge(self, items: list[Item]) -> list[Verdict]:
        if self._detector is None:
            raise DistilabelUserError("LettuceDetectJudge: process() was called before load()")
        try:
            verdicts = self._thread.run(self._detector.judge, items)
        except Exception as error:  # a fault of no single row
            verdicts = [Verdict([], failure=f"{type(error).__name__}: {error}")] * len(items)
        return [
            verdict._replace(failure=verdict.failure and f"judge failed: {verdict.failure}")
            for verdict in verdicts
        ]

    def _columns(self, answer: str, verdict: Verdict) -> dict[str, Any]:
        """The output columns of one row, with the same types whatever the verdict."""
        spans, reason = [], verdict.failure
        if reason is None:
            try:
                spans = tidy(
                    answer,
                    verdict.spans,
                    widen=self.widen_spans,
                    merge=self.merge_spans,
                    min_confidence=self.min_confidence,
                )
            except (KeyError, TypeError, ValueError, OverflowError) as error:  # odd spans
                reason = f"judge failed: {type(error).__name__}: {error}"
        score = max((span["confidence"] for span in spans), default=0.0)
        return {
            "hallucinated_spans": spans,
            "hallucination_score": score if reason is None else None,
            "evidence_truncated": verdict.truncated,
            "evidence_windows": verdict.windows if reason is None else None,
            "judge_reason": reason,
        }


def _call(object_: Any, method: str) -> None:
    """Calls a method of an object's, such as `load`, where it has one."""
    if callable(getattr(object_, method, None)):
        getattr(object_, method)()
