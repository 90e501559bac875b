"""RepairAnswer: a flagged answer is asked for again, and every new answer is judged."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from distilabel.constants import DISTILABEL_METADATA_KEY
from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.steps import StepInput
from pydantic import Field, PrivateAttr, field_serializer

from distilabel_rag4rag.data.similar_sentence import similar_sentence
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.models.llms.output_check import check_output, failed_output
from distilabel_rag4rag.schema import (
    ABSTAINED,
    EMPTY_QUESTION,
    GIVEN_UP,
    GROUNDING,
    NO_PASSAGES,
    REPAIRED_ANSWER,
    SENTENCE,
    keep_column,
    reason_column,
)
from distilabel_rag4rag.steps.filtering.mark_grounded import grounding_reason
from distilabel_rag4rag.steps.judging.detectors.make_detector import OBJECT_PREFIX
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge
from distilabel_rag4rag.steps.tasks.candidate_checks import (
    VERDICT,
    Candidate,
    CandidateChecks,
    Repair,
    load_judge,
    objection_of,
    span_texts,
)
from distilabel_rag4rag.steps.tasks.grounded_answer_generation import (
    GroundedAnswerGeneration,
    as_passages,
)
from distilabel_rag4rag.steps.tasks.replies import Reply, read_reply
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import has_text, is_missing

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput

_ANSWER = ("answer", "abstained", "answer_reason")
_REPAIR = ("original_answer", "repair_outcome", "repair_reason")


@public
class RepairAnswer(GroundedAnswerGeneration):
    """Ask again for the answers that were flagged, and judge what comes.

    Only flagged rows cost calls: those whose answer has a `hallucination_score` of `threshold` or
    more, or whose mark of grounding is false. The LLM gets the question, the passages, the
    answer and its unsupported words. Every new answer is judged again. One that the judge passes
    is confirmed by a second, different check, because a search for what one judge passes finds
    what that judge overlooks: its numbers, its names and most of its words must stand in the
    evidence (as `MarkWordsSupported` looks for them), or a second judge must pass it too. Of
    several `candidates` that pass both, the one with the lowest score is taken. All flagged rows
    of a batch are asked about in one call per round.

    A row that is repaired gets the new answer and the columns of its verdict; the mark of
    grounding, where there is one, is set anew. What became of it stands in `repair_outcome`:

    - "repaired": another answer, passed by both checks.
    - "sentence": the most similar sentence of the passages, with `fallback="sentence"`.
    - "abstained": most of the LLM's replies were that the passages do not hold the answer.
    - "given up": the answer is as it was, with its verdict; `repair_reason` says why.
    - None: there was nothing to repair.

    Attributes:
        judge_model: the model of `LettuceDetectJudge`: a folder, a Hub id, "embedded", or an
            object with LettuceDetect's `predict`. Take the one that flagged the answers.
        judge_settings: further settings of `LettuceDetectJudge`, such as `device`.
            Defaults to `{}`.
        second_judge_model: another model, which must pass what the first one passed, in the place
            of the check of words. Defaults to `None`.
        second_judge_settings: its settings. Defaults to `{}`.
        language: of the answers, for function words and ends of sentences. Defaults to `en`.
        fallback: "sentence" takes the most similar sentence of the passages (BM25 with the
            question) where the LLM gave no answer that passes; it is judged as well.
            Defaults to `None`.
        style: `short` asks for the exact words of a passage, `sentence` for one full sentence.
            Defaults to `short`.
        abstain: whether the LLM may say that the passages do not hold the answer.
            Defaults to `True`.
        system_template: a Jinja2 template of your own in the place of the system prompt, as in
            `GroundedAnswerGeneration`.
        template: a Jinja2 template of your own in the place of the user prompt; beside what that
            of `GroundedAnswerGeneration` gets, it gets `previous_answer` (a str) and
            `unsupported` (a list of str).
        few_shot: worked examples as in `GroundedAnswerGeneration`; they may have
            `previous_answer` and `unsupported` too.

    Runtime parameters:
        - `threshold`: the hallucination score from which on an answer is flagged.
            Defaults to `0.5`.
        - `rounds`: how often a row is asked about at most; each round names the unsupported words
            of the best answer of the round before. Defaults to `1`.
        - `candidates`: replies per round. More than one is of use with an LLM that samples.
            Defaults to `1`.
        - `least`: the smallest share of a new answer's words that must stand in the evidence.
            Defaults to `0.8`.

    Input columns:
        - question (`str`): the question.
        - contexts (`Union[str, List[str]]`): the evidence of the judge, from which the LLM answers;
            map `context` onto it with `input_mappings`.
        - answer (`str`): the answer, or None.
        - hallucination_score (`float`): the judge's, or None.
        - hallucinated_spans (`List[Dict[str, Any]]`, optional): the unsupported words.
        - keep_row_after_grounding (`bool`, optional): the mark of `MarkGrounded`.

    Output columns:
        - answer (`str`): the answer, or None.
        - abstained (`bool`): whether the LLM said that the passages do not hold the answer.
        - answer_reason (`str`): why there is no answer, or None.
        - hallucinated_spans (`List[Dict[str, Any]]`): spans of `answer` without support.
        - hallucination_score (`float`): of `answer`, or None.
        - evidence_truncated (`bool`): some evidence was not read by the judge.
        - evidence_windows (`int`): how many windows all the evidence takes, or None.
        - judge_reason (`str`): why `answer` was not judged, or None.
        - original_answer (`str`): the flagged answer, None where nothing was to repair.
        - repair_outcome (`str`): "repaired", "sentence", "abstained", "given up" or None.
        - repair_reason (`str`): why no reply of the LLM was taken, or None. It begins with "not
            confirmed" where the second check alone refused one.
        - repair_calls (`int`): how many replies the LLM was asked for.
        - model_name (`str`): the LLM that gave the answer.

    Categories:
        - text-generation

    References:
        - [rag4rag](https://github.com/m-newhauser/rag4rag)

    Examples:
        Repair an invented year:

        ```python
        from distilabel_rag4rag import RepairAnswer
        from distilabel_rag4rag.testing import ScriptedLLM, VerbatimDetector

        repair = RepairAnswer(llm=ScriptedLLM(default="1712"), judge_model=VerbatimDetector())
        repair.load()
        row = {
            "question": "When was the kettle cast?",
            "contexts": "The kettle was cast in Torgau in 1712.",
            "answer": "1989",
            "hallucination_score": 0.97,
        }
        row = next(repair.process([row]))[0]
        assert (row["answer"], row["original_answer"]) == ("1712", "1989")
        assert (row["repair_outcome"], row["hallucination_score"]) == ("repaired", 0.0)
        repair.unload()
        ```
    """

    judge_model: Any = "KRLabsOrg/lettucedect-base-modernbert-en-v1"
    judge_settings: dict[str, Any] = Field(default_factory=dict)
    second_judge_model: Any = None
    second_judge_settings: dict[str, Any] = Field(default_factory=dict)
    language: str = "en"
    fallback: Literal["sentence"] | None = None
    threshold: RuntimeParameter[float] = Field(
        default=0.5, ge=0, le=1, description="The score from which on an answer is flagged."
    )
    rounds: RuntimeParameter[int] = Field(
        default=1, ge=0, description="How often a row is asked about at most."
    )
    candidates: RuntimeParameter[int] = Field(default=1, ge=1, description="Replies per round.")
    least: RuntimeParameter[float] = Field(
        default=0.8, ge=0, le=1, description="The smallest share of words in the evidence."
    )

    _shipped_template: ClassVar[str] = "repair.jinja2"
    _judge: LettuceDetectJudge | None = PrivateAttr(default=None)
    _second_judge: LettuceDetectJudge | None = PrivateAttr(default=None)

    @property
    def inputs(self) -> "StepColumns":
        """The question, its evidence, and the judged answer."""
        return {
            "question": True,
            "contexts": True,
            "answer": True,
            "hallucination_score": True,
            "hallucinated_spans": False,
            keep_column(GROUNDING): False,
        }

    @property
    def outputs(self) -> "StepColumns":
        """The answer with its verdict, and what became of the one that was flagged."""
        # The first one is never None: by it a run tells whether a task has failed.
        return ["repair_calls", *_REPAIR, *_ANSWER, *VERDICT, "model_name"]

    @field_serializer("judge_model", "second_judge_model")
    def _dump_model(self, model: Any) -> Any:
        """Strings as they are; an object by the name of its class, as `LettuceDetectJudge`."""
        if model is None or isinstance(model, str):
            return model
        return f"{OBJECT_PREFIX}{type(model).__module__}.{type(model).__qualname__}"

    def load(self) -> None:
        """Compiles the templates and loads the LLM and the judges.

        Raises:
            ConfigError: if settings contradict each other or a judge's are not its own.
        """
        if self.num_generations != 1 or self.group_generations:
            raise ConfigError(
                "num_generations",
                self.num_generations,
                "1 and no group_generations",
                "For several replies per row, set candidates.",
            )
        self._judge = load_judge("judge_settings", self.judge_model, self.judge_settings)
        if self.second_judge_model is not None:
            self._second_judge = load_judge(
                "second_judge_settings", self.second_judge_model, self.second_judge_settings
            )
        super().load()

    def unload(self) -> None:
        """Frees the judges and the LLM."""
        for judge in (self._judge, self._second_judge):
            if judge is not None:
                judge.unload()
        self._judge = self._second_judge = None
        super().unload()

    def impute_step_outputs(self, step_output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows as they came, where the step as a whole has failed: flagged ones stay so."""
        rows = []
        for row in step_output:
            repair = self._repair_of(row)
            if repair is not None:
                repair.outcome, repair.reason = GIVEN_UP, "the step failed"
            rows.append(self._written(row, repair))
        return rows

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Asks again for the flagged answers; all other rows pass as they are.

        Args:
            inputs: judged rows.

        Yields:
            The rows in order.
        """
        repairs = [self._repair_of(row) for row in inputs]
        open_ = [repair for repair in repairs if repair and repair.outcome is None]
        for _ in range(self.rounds or 0):
            if open_:
                self._ask(open_)
            open_ = [repair for repair in open_ if repair.outcome is None]
        if self.fallback == "sentence" and open_:
            self._take_sentences(open_)
        for repair in open_:
            repair.outcome = repair.outcome or GIVEN_UP
        yield [self._written(row, repair) for row, repair in zip(inputs, repairs, strict=True)]

    def _template_values(self, row: dict[str, Any], fence: str) -> dict[str, Any]:
        previous, unsupported = row.get("previous_answer"), row.get("unsupported")
        return {
            **super()._template_values(row, fence),
            "previous_answer": " ".join((previous or "").split()),
            "unsupported": [" ".join(text.split()) for text in unsupported or ()],
        }

    def _repair_of(self, row: dict[str, Any]) -> Repair | None:
        """What there is to repair in a row, or None."""
        answer, score = row.get("answer"), row.get("hallucination_score")
        flagged = not is_missing(score) and score >= self.threshold
        if not has_text(answer) or not (flagged or row.get(keep_column(GROUNDING)) == False):  # noqa: E712
            return None
        repair = Repair(row, answer, span_texts(row.get("hallucinated_spans")))
        if not has_text(row.get("question")):
            repair.outcome, repair.reason = GIVEN_UP, EMPTY_QUESTION
        elif not as_passages(row.get("contexts")):
            repair.outcome, repair.reason = GIVEN_UP, NO_PASSAGES
        return repair

    def _ask(self, repairs: Sequence[Repair]) -> None:
        """One round: every row is asked about, and every new answer is judged."""
        candidates: list[Candidate] = []
        for repair, output in zip(repairs, self._generate(repairs), strict=True):
            texts = output["generations"]
            repair.calls += len(texts)
            repair.raw_output = next((text for text in texts if text is not None), None)
            _add(repair.tokens, output["statistics"])
            replies = [self._read(text, repair) for text in texts]
            errors = output["statistics"].get("error") or []
            repair.reason = next(
                (str(reason) for reason in (*errors, *(r.reason for r in replies)) if reason), None
            )
            if 2 * sum(reply.abstained for reply in replies) > len(replies):
                repair.outcome = ABSTAINED
                repair.columns = Reply(None, abstained=True, reason=ABSTAINED).columns()
                continue
            candidates += [
                Candidate(repair, reply.answer, text)
                for text, reply in zip(texts, replies, strict=True)
                if reply.answer is not None
            ]
        self._checks.check(candidates)
        for repair in repairs:
            if repair.outcome is None:
                own = [candidate for candidate in candidates if candidate.repair is repair]
                self._settle(repair, own, REPAIRED_ANSWER)

    def _generate(self, repairs: Sequence[Repair]) -> list[Any]:
        """The LLM's outputs, checked; where one call for all fails, each row is asked alone."""
        for repair in repairs:
            repair.asked = repair.prompt
        prompts = [self.format_input(repair.prompt) for repair in repairs]
        number = self.candidates or 1
        try:
            outputs = self._call(prompts)
        except Exception as error:  # of any kind: the LLM may be on a server
            if len(prompts) == 1:
                return [failed_output(error, number)[0]]
            return [output for repair in repairs for output in self._generate([repair])]
        checked = []
        for output in outputs:
            known = output.get("statistics") if isinstance(output, Mapping) else None
            errors = known.get("error") if isinstance(known, Mapping) else None
            found, _ = check_output(output, number)
            if errors:
                found["statistics"]["error"] = errors  # type: ignore[typeddict-unknown-key]
            checked.append(found)
        return checked

    def _call(self, prompts: list[Any]) -> list[Any]:
        outputs = self.llm.generate_outputs(
            inputs=prompts,
            num_generations=self.candidates,
            **self.llm.get_generation_kwargs(),
        )
        if len(outputs) != len(prompts):
            raise ValueError(f"{len(outputs)} outputs for {len(prompts)} inputs")
        return list(outputs)

    def _read(self, text: str | None, repair: Repair) -> Reply:
        return read_reply(
            text,
            question=repair.row["question"],
            passages=as_passages(repair.row["contexts"]),
            short=self.style == "short",
            abstain=self.abstain,
        )

    @property
    def _checks(self) -> CandidateChecks:
        assert self._judge is not None, "load() loads the judge"
        return CandidateChecks(
            self._judge,
            self._second_judge,
            self.threshold,  # type: ignore[arg-type]
            self.least,  # type: ignore[arg-type]
            self.language,
        )

    def _settle(self, repair: Repair, candidates: Sequence[Candidate], outcome: str) -> None:
        """Takes the best candidate that both checks passed, or notes why there is none."""
        passed = [c for c in candidates if self._checks.passes(c.verdict)]
        if confirmed := [c for c in passed if c.objection is None]:
            best = min(confirmed, key=lambda candidate: candidate.score)
            repair.outcome = outcome
            repair.raw_output = best.raw_output or repair.raw_output
            repair.columns = {**Reply(best.answer).columns(), **best.verdict}
            if outcome == REPAIRED_ANSWER:
                repair.reason = repair.unconfirmed = None
        elif candidates:
            best = min(passed or candidates, key=lambda candidate: candidate.score)
            repair.reason = objection_of(best.verdict)
            if passed:
                repair.unconfirmed = f"not confirmed: {best.objection}"
            repair.previous_answer = best.answer
            repair.unsupported = best.missing or span_texts(best.verdict["hallucinated_spans"])

    def _take_sentences(self, repairs: Sequence[Repair]) -> None:
        candidates = []
        for repair in repairs:
            passages = as_passages(repair.row["contexts"])
            sentence = similar_sentence(repair.row["question"], passages, self.language)
            if sentence is not None:
                candidates.append(Candidate(repair, sentence, None))
        self._checks.check(candidates)
        for candidate in candidates:
            self._settle(candidate.repair, [candidate], SENTENCE)

    def _written(self, row: dict[str, Any], repair: Repair | None) -> dict[str, Any]:
        """The row with every output column."""
        empty: dict[str, Any] = {
            **dict.fromkeys([*_ANSWER, *VERDICT, *_REPAIR, "model_name"]),
            "abstained": False,
            "hallucinated_spans": [],
            "evidence_truncated": False,
            "repair_calls": 0,
        }
        written = {**empty, **row}
        if repair is not None:
            written |= {
                "original_answer": row["answer"],
                "repair_outcome": repair.outcome,
                "repair_reason": repair.unconfirmed or repair.reason,
                "repair_calls": repair.calls,
            }
            if repair.columns:
                written |= self._with_new_answer(written, repair)
        metadata = {DISTILABEL_METADATA_KEY: dict(row.get(DISTILABEL_METADATA_KEY) or {})}
        return {
            **written,
            **self._create_metadata(
                metadata,
                repair.raw_output if repair else None,
                repair.asked if repair else None,
                add_raw_output=bool(self.add_raw_output),
                add_raw_input=bool(self.add_raw_input),
                statistics=repair.tokens if repair and repair.asked else None,  # type: ignore[arg-type]
            ),
        }

    def _with_new_answer(self, row: dict[str, Any], repair: Repair) -> dict[str, Any]:
        """The columns that come with another answer, or with none."""
        new = dict(repair.columns)
        if "hallucination_score" not in new:  # an abstention, which the judge marks as such
            blank = {**row, **new}
            next(self._checks.judge.process([blank]))
            new |= {name: blank[name] for name in VERDICT}
        if repair.outcome != SENTENCE:
            new["model_name"] = self.llm.model_name
        if keep_column(GROUNDING) in row:
            reason = grounding_reason({**row, **new}, self.threshold)  # type: ignore[arg-type]
            new |= {keep_column(GROUNDING): reason is None, reason_column(GROUNDING): reason}
        return new


def _add(tokens: dict[str, int], statistics: Mapping[str, Any]) -> None:
    """Adds the tokens of an output's replies, where they are known."""
    for name in ("input_tokens", "output_tokens"):
        known = [number for number in statistics.get(name) or () if number is not None]
        if known:
            tokens[name] = tokens.get(name, 0) + sum(known)
