"""Where the LLM's generations are kept."""

from pathlib import Path

from distilabel_rag4rag.utils.json_store import JsonStore


class GenerationStore(JsonStore):
    """A folder's table of generations, by the key of what shapes them."""

    holds = "generation"
    moved_by = "folder or RAG4RAG_CACHE"


def clear(folder: Path | str | None = None) -> None:
    """Forget all the generations kept in `folder`, by default the user's."""
    store = GenerationStore(folder)
    store.clear()
    store.close()
