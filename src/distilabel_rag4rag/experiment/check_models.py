"""Every model is loaded or reached once before the first arm: what is wrong costs no request.

It happens in a short child process. The workers of a pipeline are forked, and a process that has
computed with torch or faiss before it forks may leave them hanging.
"""

import asyncio
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from distilabel.models.embeddings.base import Embeddings
from distilabel.models.llms import LLM, AsyncLLM

from distilabel_rag4rag.errors import ConfigError, RunFailed, describe
from distilabel_rag4rag.models.embeddings.embedded_embeddings import EmbeddedEmbeddings
from distilabel_rag4rag.models.llms.embedded_llm import EmbeddedLLM
from distilabel_rag4rag.models.llms.wrapped_llm import WrappedLLM
from distilabel_rag4rag.models.packaged import EMBEDDED, embeddings_path, judge_path, llm_path
from distilabel_rag4rag.runtime.processes import end_with_parent, how_it_ended, kill_group
from distilabel_rag4rag.runtime.signals import Signals
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge
from distilabel_rag4rag.steps.retrieval.embedding import embed
from distilabel_rag4rag.utils.threads import OwnThread

#: How long a server may take to list its models; a slower one is left to the run.
TIMEOUT_SECONDS = 10.0

Report = Callable[[str], None]


def check_models(
    llm: LLM, embeddings: Embeddings | None, judge: LettuceDetectJudge, phase: Report, note: Report
) -> None:
    """Loads or reaches the models of an experiment; the packaged ones are converted where needed.

    An LLM that holds its own weights is left out: the first arm loads it before it asks.

    Args:
        llm, embeddings, judge: not loaded, and left so; no embeddings where nothing is retrieved.
        phase: called with what is being done.
        note: called with what is wrong and no error: a server that cannot be reached, where
            replies are kept on disk.

    Raises:
        ConfigError: if a model cannot be loaded or reached.
    """
    context = get_context()
    receiver, sender = context.Pipe(duplex=False)
    with Signals() as signals:
        with signals.held():
            child = context.Process(  # type: ignore[attr-defined]
                target=_run_checks, args=(sender, llm, embeddings, judge), daemon=True
            )
            child.start()
            sender.close()
        try:
            while (message := receiver.recv()) is not None:
                kind, value = message
                if kind == "error":
                    raise value
                (phase if kind == "phase" else note)(value)
        except EOFError as error:
            child.join()
            raise RunFailed(
                f"the process that loads the models {how_it_ended(child.exitcode or 0)}"
            ) from error
        finally:
            kill_group(child)
            child.join()


def _run_checks(
    sender: Connection, llm: LLM, embeddings: Embeddings | None, judge: LettuceDetectJudge
) -> None:
    end_with_parent()
    try:
        OwnThread().run(_check_all, sender, llm, embeddings, judge)
    except BaseException as error:
        kept = error if isinstance(error, ConfigError) else RunFailed(describe(error))
        sender.send(("error", kept))
    sender.send(None)


def _check_all(
    sender: Connection, llm: LLM, embeddings: Embeddings | None, judge: LettuceDetectJudge
) -> None:
    def check(phase: str, field: str, name: str, function: Callable[..., Any], *args: Any) -> None:
        sender.send(("phase", phase))
        try:
            function(*args)
        except Exception as error:
            raise ConfigError(
                field, name, "a model that can be loaded", f"{describe(error)}."
            ) from error

    asked = llm.llm if isinstance(llm, WrappedLLM) else llm
    if isinstance(asked, AsyncLLM):
        check(f"reaching {asked.model_name}", "llm", asked.model_name, asked.load)
        try:
            asyncio.run(_list_models(asked))
        except Exception as error:
            refused = ConfigError(
                "llm", asked.model_name, "a server that takes requests", f"{describe(error)}."
            )
            if not getattr(llm, "enabled", False):  # no cache
                raise refused from error
            sender.send(("note", f"{refused} Only replies kept on disk can be used."))
    elif isinstance(asked, EmbeddedLLM) and asked.model == EMBEDDED:
        check("preparing the packaged LLM", "llm", EMBEDDED, llm_path)
    if isinstance(embeddings, EmbeddedEmbeddings) and embeddings.model == EMBEDDED:
        check("preparing the packaged embedder", "embeddings", EMBEDDED, embeddings_path)
    elif embeddings is not None:
        name = embeddings.model_name
        check(f"loading the embedder {name}", "embeddings", name, _embed_one, embeddings)
    if judge.model == EMBEDDED:
        check("preparing the packaged judge", "judge", EMBEDDED, judge_path)
    else:
        name = judge.model if isinstance(judge.model, str) else type(judge.model).__qualname__
        check(f"loading the judge {name}", "judge", name, judge.load)


def _embed_one(embeddings: Embeddings) -> None:
    embeddings.load()
    embed(embeddings, ["Is there an embedder?"])


async def _list_models(llm: AsyncLLM) -> None:
    """Asks the server for its models, which costs nothing, where its client can do that.

    A server without such a list, and one that is slow to wake, is left to the first request.
    """
    client: Any = getattr(llm, "_aclient", None)
    if not (hasattr(client, "with_options") and hasattr(client, "models")):
        return
    try:
        await client.with_options(max_retries=0, timeout=TIMEOUT_SECONDS).models.list()
    except Exception as error:
        status = getattr(error, "status_code", None)
        reachable = status not in (None, 401, 403) or "Timeout" in type(error).__name__
        if not reachable:
            raise
