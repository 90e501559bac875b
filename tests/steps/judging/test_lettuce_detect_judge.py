"""LettuceDetectJudge as a Step: rows in, rows out, whatever is in them."""

import gc
import math
import pickle
import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from distilabel.errors import DistilabelUserError
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from helpers.openai_server import OpenAIServer
from helpers.tiny_judges import save_bert
from lettucedetect.detectors.transformer import TransformerDetector

from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge

PASSAGE = "The lighthouse of Vel Torma was built in 1871 by Irja Kontu. It stands on basalt."
OTHER = "Zürich's tram no. 4 runs every 7½ minutes — except on Sundays, when it doesn't."
ANSWERS = [
    "It was built in 1899 by Marek Olsen, who was a fisherman.",
    "every 7½ minutes",
    "Irja Kontu 😀 built it, and the tower stands on sand.",
    "The conductor's name was Müller; nobody knows more than that about him.",
]
COLUMNS = {
    "hallucinated_spans",
    "hallucination_score",
    "evidence_truncated",
    "evidence_windows",
    "judge_reason",
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """The model is so small that threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return save_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def judge(bert):
    step = LettuceDetectJudge(model=bert, precision="float32")
    step.load()
    return step


def run(step, rows):
    return next(step.process([dict(row) for row in rows]))


def rows_of(answers=ANSWERS):
    return [
        {"id": n, "answer": answer, "contexts": contexts, "question": "Who built it?"}
        for n, (answer, contexts) in enumerate((a, c) for a in answers for c in (PASSAGE, OTHER))
    ]


class Years:
    """An object with LettuceDetect's `predict`: a year in the answer is a hallucination."""

    def __init__(self, year="1989", **span):
        self.year, self.span, self.seen, self.state = year, span, [], "new"

    def load(self):
        self.state = "loaded"

    def unload(self):
        self.state = "unloaded"

    def predict(self, context, answer, question=None, output_format="tokens", min_confidence=0.0):
        assert output_format == "spans"
        self.seen.append((context, answer, question))
        if answer == "boom":
            raise RuntimeError("boom")
        start = answer.find(self.year)
        span = {"start": start, "end": start + len(self.year), "text": self.year}
        return [{**span, "confidence": 0.9, **self.span}] if start >= 0 else []


def judged_by(model, rows, **settings):
    step = LettuceDetectJudge(model=model, **settings)
    step.load()
    return run(step, rows)


def test_rows_are_lettucedetects(bert, judge):
    detector = TransformerDetector(bert, max_length=512)
    rows = rows_of()
    flagged = 0
    for row, out in zip(rows, run(judge, rows), strict=True):
        spans = detector.predict([row["contexts"]], row["answer"], row["question"], "spans")
        assert out == {
            **row,
            "hallucinated_spans": [
                {**span, "confidence": pytest.approx(span["confidence"], abs=1e-4)}
                for span in spans
            ],
            "hallucination_score": pytest.approx(
                max((span["confidence"] for span in spans), default=0.0), abs=1e-4
            ),
            "evidence_truncated": False,
            "evidence_windows": 1,
            "judge_reason": None,
        }
        flagged += bool(spans)
    assert 0 < flagged < len(rows)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"abstained": True, "answer": None}, "abstained"),
        ({"abstained": True}, "abstained"),
        ({"abstained": np.bool_(True)}, "abstained"),
        ({"answer": None}, "no answer"),
        ({"answer": math.nan}, "no answer"),
        ({"answer": " \n"}, "empty answer"),
        ({"answer": 1871}, "judge failed: answer is a int, expected a str"),
        ({"contexts": None}, "no evidence"),
        ({"contexts": []}, "no evidence"),
        ({"contexts": [None, " "]}, "no evidence"),
        ({"contexts": 3}, "judge failed: contexts is a int, expected a str or a list"),
        ({"answer": "\ud800"}, "judge failed: ValueError: the tokenizer finds no token"),
    ],
)
def test_rows_that_are_not_judged(judge, changes, reason):
    good = rows_of()[0]
    before, row, after = run(judge, [good, {**good, **changes}, good])
    assert row["hallucinated_spans"] == []
    assert row["hallucination_score"] is None
    assert row["evidence_truncated"] is False
    assert row["evidence_windows"] is None
    assert row["judge_reason"].startswith(reason)
    assert before == after
    assert before["judge_reason"] is None
    assert before["hallucination_score"] is not None


def test_evidence_and_question_in_other_forms(judge):
    answer = ANSWERS[0]
    base = {"answer": answer, "contexts": [PASSAGE, OTHER], "question": None, "abstained": False}
    same = [
        base,
        {**base, "contexts": np.array([PASSAGE, OTHER], dtype=object)},
        {**base, "contexts": (PASSAGE, None, "", OTHER)},
        {**base, "abstained": None},
        {**base, "question": " "},
        {"answer": np.str_(answer), "contexts": [PASSAGE, OTHER]},
    ]
    outputs = [{name: row[name] for name in COLUMNS} for row in run(judge, same)]
    assert all(output == outputs[0] for output in outputs)
    asked = run(judge, [{**base, "question": "Who built it?"}])[0]
    assert asked["hallucinated_spans"] != outputs[0]["hallucinated_spans"]


def test_user_text_is_not_a_template(judge):
    row = {"answer": "${answer}", "contexts": "$question ${context} {{ 1 }}", "question": "$text"}
    assert run(judge, [row])[0]["judge_reason"] is None


def test_types_do_not_depend_on_the_verdicts(judge):
    for row in run(judge, [*rows_of(), {"answer": None, "contexts": None}]):
        assert row.keys() >= COLUMNS
        assert type(row["evidence_truncated"]) is bool
        assert type(row["hallucination_score"]) in (float, type(None))
        for span in row["hallucinated_spans"]:
            assert {name: type(value) for name, value in span.items()} == {
                "start": int,
                "end": int,
                "text": str,
                "confidence": float,
            }
            assert row["answer"][span["start"] : span["end"]] == span["text"]


def test_an_empty_batch(judge):
    assert run(judge, []) == []


def test_spans_can_be_merged_widened_and_left_out(bert):
    rows = rows_of([*ANSWERS, " ".join(ANSWERS)])
    plain = judged_by(bert, rows, precision="float32", threshold=0.3)
    whole = judged_by(
        bert, rows, precision="float32", threshold=0.3, widen_spans=True, merge_spans=True
    )
    sure = judged_by(bert, rows, precision="float32", threshold=0.3, min_confidence=0.9)
    count = [sum(len(row["hallucinated_spans"]) for row in rows) for rows in (plain, whole, sure)]
    assert count[0] > count[1] > 0
    assert count[0] > count[2] > 0
    for row in whole:
        for span in row["hallucinated_spans"]:
            before = row["answer"][: span["start"]][-1:]
            assert not (before.isalnum() and span["text"][0].isalnum())
    assert all(row["hallucination_score"] >= 0.9 for row in sure if row["hallucinated_spans"])
    assert [row["hallucination_score"] for row in plain] == [
        row["hallucination_score"] for row in whole
    ]


def test_long_evidence_rules(bert):
    rows = [{**row, "contexts": [PASSAGE, OTHER] * 10} for row in rows_of()[::2]]
    rows += [{**row, "contexts": (PASSAGE + " ") * 20} for row in rows]
    settings = {"precision": "float32", "max_length": 160}
    union = judged_by(bert, rows, evidence_rule="any", **settings)
    every = judged_by(bert, rows, evidence_rule="every", **settings)
    assert [row["evidence_truncated"] for row in union] == [False] * 8
    assert [row["evidence_truncated"] for row in every] == [False] * 4 + [True] * 4
    for lenient, strict in zip(union[:4], every[:4], strict=True):
        assert lenient["hallucination_score"] <= strict["hallucination_score"]
    assert union != every


def test_an_object_with_predict():
    rows = [
        {"answer": "😀 In 1989.", "contexts": PASSAGE},
        {"answer": "boom", "contexts": PASSAGE},
        {"answer": "In 1871.", "contexts": [PASSAGE], "question": "When?"},
        {"answer": "In 1871.", "contexts": [PASSAGE], "question": "When?"},
    ]
    model = Years()
    step = LettuceDetectJudge(model=model)
    assert model.state == "new"
    step.load()
    assert model.state == "loaded"
    out = run(step, rows)
    assert [row["hallucination_score"] for row in out] == [0.9, None, 0.0, 0.0]
    assert out[0]["hallucinated_spans"] == [
        {"start": 5, "end": 9, "text": "1989", "confidence": 0.9}
    ]
    assert out[1]["judge_reason"] == "judge failed: RuntimeError: boom"
    assert model.seen[2:] == [([PASSAGE], "In 1871.", "When?")]  # equal rows once
    step.unload()
    assert model.state == "unloaded"


@pytest.mark.parametrize(
    ("span", "score", "reason"),
    [
        ({"confidence": None}, 1.0, None),  # LettuceDetect's LLM without include_reasoning
        ({"end": 99}, None, "span 3:99 lies outside the answer of 8 characters"),
        ({"start": None}, None, "judge failed: TypeError"),
        ({"start": 0.9}, None, "judge failed: TypeError"),
        ({"end": math.inf}, None, "judge failed: TypeError"),
        ({"confidence": math.nan}, None, "confidence nan lies outside [0, 1]"),
        ({"confidence": 7}, None, "confidence 7 lies outside [0, 1]"),
    ],
)
def test_odd_spans_of_an_object(span, score, reason):
    (row,) = judged_by(Years(**span), [{"answer": "In 1989.", "contexts": PASSAGE}])
    assert row["hallucination_score"] == score
    assert (reason or "") in (row["judge_reason"] or "")
    assert (row["judge_reason"] is None) == (reason is None)


def test_llm_as_a_judge(monkeypatch, tmp_path):
    """LettuceDetect's LLM detector over real HTTP; a reply that says nothing is no verdict."""
    monkeypatch.setenv("OPENAI_API_KEY", "test")

    def reply(messages):
        text = messages[-1]["content"]
        if "Müller" in text:
            return '{"hallucination_list": []}'
        return "no JSON" if "Marek" in text else '{"hallucination_list": ["7½"]}'

    rows = [{"answer": answer, "contexts": PASSAGE, "question": "Who?"} for answer in ANSWERS]
    with OpenAIServer(reply) as server:
        settings = {"base_url": server.base_url, "cache_file": str(tmp_path / "cache.json")}
        out = judged_by("any-model", rows, method="llm", detector_kwargs=settings)
    assert [row["hallucination_score"] for row in out] == [None, 1.0, None, 0.0]
    assert "reply cannot be read" in out[0]["judge_reason"]
    assert "names text that the answer does not hold" in out[2]["judge_reason"]
    assert out[1]["hallucinated_spans"] == [{"start": 6, "end": 8, "text": "7½", "confidence": 1.0}]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"answer": pd.NA}, "no answer"),
        ({"answer": np.array([1, 2])}, "answer is a ndarray"),
        ({"abstained": pd.NA}, None),
        ({"abstained": np.array([True])}, None),
        ({"abstained": np.bool_(True)}, "abstained"),
        ({"contexts": math.nan}, "no evidence"),
        ({"contexts": {"text": PASSAGE}}, "contexts is a dict"),
        ({"contexts": [PASSAGE, {"text": OTHER}]}, "contexts holds a dict"),
        ({"contexts": [PASSAGE, None, math.nan]}, None),
    ],
)
def test_odd_rows_stay_alone(judge, row, reason):
    good = {"answer": "By Irja Kontu.", "contexts": PASSAGE}
    odd, plain = run(judge, [good | row, good])
    assert (odd["judge_reason"] is None) == (reason is None)
    assert (reason or "") in (odd["judge_reason"] or "")
    assert plain["judge_reason"] is None


@pytest.mark.slow
def test_a_loaded_step_is_copied_and_pickled(bert):
    """As a pipeline does with a step that was tried out before."""
    step = LettuceDetectJudge(model=bert, precision="float32")
    step.load()
    first = run(step, rows_of())
    for other in (step.model_copy(deep=True), pickle.loads(pickle.dumps(step))):
        other.load()
        assert run(other, rows_of()) == first
        other.unload()


def test_a_model_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for model in ("nobody/no-such-judge", str(tmp_path / "none")):
        with pytest.raises(DistilabelUserError, match=f"model='{model}' could not be loaded"):
            LettuceDetectJudge(model=model).load()


def test_process_before_load():
    with pytest.raises(DistilabelUserError, match="before load"):
        run(LettuceDetectJudge(), rows_of())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"model": "lettucedect-v2-qwen-4b", "method": "llm"},
            "native generative models, whose unreadable replies would pass",
        ),
        ({"model": 3}, "model is a int; expected a path, a Hub id or an object"),
        ({"model": "object:tests.Years"}, "stands for an object that a saved pipeline cannot hold"),
        ({"model": Years(), "threshold": 0.7}, r"\['threshold'\] has no effect"),
        ({"model": "gpt", "method": "llm", "max_length": 9}, r"\['max_length'\] has no effect"),
        ({"detector_kwargs": {"base_url": "x"}}, r"\['detector_kwargs'\] has no effect"),
        (
            {"model": "gpt", "method": "llm", "detector_kwargs": {"api_key": "s"}},
            r"\['api_key'\].*OPENAI_API_KEY",
        ),
    ],
)
def test_wrong_settings(settings, message, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    with pytest.raises(DistilabelUserError, match=message):
        LettuceDetectJudge(**settings).load()


def test_wrong_language(bert):
    with pytest.raises(ValueError, match="Invalid language"):
        LettuceDetectJudge(model=bert, lang="xx").load()


@pytest.mark.parametrize("name", ["threshold", "min_confidence"])
def test_probabilities_are_checked(name):
    with pytest.raises(ValueError, match=name):
        LettuceDetectJudge(**{name: 1.5})


def test_load_unload_load(bert):
    step = LettuceDetectJudge(model=bert, precision="float32")
    step.load()
    first = run(step, rows_of())
    model = weakref.ref(step._detector.model)
    step.unload()
    gc.collect()
    assert model() is None
    step.load()
    assert run(step, rows_of()) == first


def test_dump_and_load(bert, tmp_path):
    step = LettuceDetectJudge(name="judge", model=bert, precision="float32", merge_spans=True)
    step.save(tmp_path / "judge.yaml", format="yaml")
    again = LettuceDetectJudge.from_yaml(tmp_path / "judge.yaml")
    assert again.dump() == step.dump()
    again.load()
    step.load()
    assert run(again, rows_of()) == run(step, rows_of())

    dumped = LettuceDetectJudge(model=Years()).dump()
    assert dumped["model"] == f"object:{__name__}.Years"


def pipeline_of(cls, folder, data, **settings):
    with cls(name="judged", cache_dir=folder) as pipeline:
        load = LoadDataFromDicts(name="load", data=data, batch_size=25)
        judge = LettuceDetectJudge(
            name="judge",
            input_mappings={"answer": "text", "contexts": "passages"},
            input_batch_size=20,
            **settings,
        )
        load >> judge
    return pipeline


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_in_distilabels_pipeline(bert, judge, tmp_path):
    """Saved, loaded and run in distilabel's own Pipeline, whose steps are forked processes.

    A process that is forked after torch has computed on several threads hangs in its own first
    computation on several, if that runs in the thread that was forked.
    """
    torch.set_num_threads(2)
    torch.randn(1000, 1000) @ torch.randn(1000, 1000)
    torch.nn.functional.gelu(torch.randn(1000, 1000))
    data = [
        {"id": n, "text": row["answer"], "passages": [row["contexts"]], "question": row["question"]}
        for n, row in enumerate(rows_of() * 5)
    ]
    saved = pipeline_of(Pipeline, tmp_path, data, model=bert, precision="float32")
    saved.save(tmp_path / "pipeline.yaml", format="yaml")
    pipeline = Pipeline.from_yaml(tmp_path / "pipeline.yaml")
    pipeline.dag.get_step("load")["step"].data = data
    rows = pipeline.run(use_cache=False)["default"]["train"].to_list()
    assert [row["id"] for row in rows] == list(range(40))
    torch.set_num_threads(1)
    expected = run(judge, rows_of()) * 5
    for row, other in zip(rows, expected, strict=True):
        assert {name: row[name] for name in COLUMNS} == {
            **{name: other[name] for name in COLUMNS},
            "hallucination_score": pytest.approx(other["hallucination_score"], abs=1e-4),
            "hallucinated_spans": [
                {**span, "confidence": pytest.approx(span["confidence"], abs=1e-4)}
                for span in other["hallucinated_spans"]
            ],
        }


def test_first_buffer_without_spans(tmp_path):
    """Fifty rows without any span before the first one: the types are the same."""
    clean = {"text": "Nothing of note.", "passages": [PASSAGE], "question": None}
    data = [clean] * 60 + [{**clean, "text": "In 1989."}] * 5 + [{**clean, "text": "boom"}]
    pipeline = pipeline_of(FailFastPipeline, tmp_path, data, model=Years())
    rows = pipeline.run(use_cache=False)["default"]["train"].to_list()
    assert [row["hallucination_score"] for row in rows] == [0.0] * 60 + [0.9] * 5 + [None]
    assert rows[64]["hallucinated_spans"] == [
        {"start": 3, "end": 7, "text": "1989", "confidence": 0.9}
    ]
    assert [row["judge_reason"] for row in rows] == [None] * 65 + [
        "judge failed: RuntimeError: boom"
    ]
