"""LLMs and embedders by name; what cannot be made is named by its setting."""

from typing import Any

import pytest
from distilabel.models import OpenAILLM, SentenceTransformerEmbeddings

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.models.by_name import make_embeddings, make_llm


def test_a_class_and_its_model() -> None:
    llm = make_llm("OpenAILLM:gpt-4o-mini", {"timeout": 3})
    assert isinstance(llm, OpenAILLM)
    assert (llm.model, llm.timeout) == ("gpt-4o-mini", 3)
    embeddings = make_embeddings("SentenceTransformerEmbeddings:org/name:v2")
    assert isinstance(embeddings, SentenceTransformerEmbeddings)
    assert embeddings.model == "org/name:v2"
    scripted = make_llm("distilabel_rag4rag.testing.ScriptedLLM", {"default": "x"})
    assert scripted.model_name == "scripted"


@pytest.mark.parametrize(
    ("spec", "settings", "field", "message"),
    [
        (
            "NoLLM:x",
            {},
            "llm",
            "llm: found 'NoLLM', expected 'embedded' or CLASS:MODEL with 'vLLM' or 'GroqLLM'; or",
        ),
        ("no_module.LLM", {}, "llm", "found 'no_module.LLM', expected a module that can be"),
        ("SentenceTransformerEmbeddings:x", {}, "llm", "llm: found 'SentenceTransformerEmb"),
        ("OpenAILLM", {}, "llm", "llm: found 'OpenAILLM', expected what OpenAILLM takes. Refused"),
        ("OpenAILLM:x", {"timeout": "x"}, "llm_set", "llm_set: found {'timeout': 'x'}, expected"),
        ("OpenAILLM:x", {"foo": 1}, "llm_set", "llm_set: found {'foo': 1}, expected what OpenAI"),
        ("OpenAILLM:x", {"api_key": "sk"}, "llm_set", "llm_set: found 'api_key', expected sett"),
        ("OpenAILLM:x", {"default_headers": {"X-Auth": "sk"}}, "llm_set", "found 'X-Auth'"),
        ("OpenAILLM:x", {"a": [{"hf_token": "sk"}]}, "llm_set", "found 'hf_token'"),
        ("embedded", {"foo": 1}, "llm_set", "llm_set: found ['foo'], expected fields of Embed"),
        (
            *("embedded", {"generation_kwargs": {"foo": 1}}, "llm_set.generation_kwargs"),
            "llm_set.generation_kwargs: found ['foo'], expected some of ['do_sample', ",
        ),
    ],
)
def test_what_is_wrong_is_named(
    spec: str, settings: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        make_llm(spec, settings)
    assert raised.value.field == field
    assert message in str(raised.value)
    assert "sk" not in str(raised.value)


def test_a_setting_of_the_embedder_is_named() -> None:
    with pytest.raises(ConfigError, match=r"embeddings_set: found \{'foo': 1\}, expected what Em"):
        make_embeddings("embedded", {"foo": 1})
