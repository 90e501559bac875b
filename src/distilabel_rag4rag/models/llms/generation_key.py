"""What of an LLM shapes its replies: with the call, the key under which they are kept."""

from typing import Any

from distilabel.models.llms import LLM

from distilabel_rag4rag.utils.identity import identity

#: Settings of LLMs that say how a reply is fetched and not what it says.
HOW_NOT_WHAT = frozenset(
    {
        "cuda_devices",
        "default_headers",
        "disable_cuda_device_placement",
        "jobs_ids",
        "max_retries",
        "offline_batch_generation_block_until_done",
        "timeout",
        "use_offline_batch_generation",
    }
)


def shaped_by(llm: LLM) -> dict[str, Any]:
    """Versions, settings and weights of an LLM.

    An LLM's class may name settings that shape no reply, in `does_not_shape_replies`. Call it
    after `load`, which may have fetched the weights.
    """
    return identity(llm, HOW_NOT_WHAT)
