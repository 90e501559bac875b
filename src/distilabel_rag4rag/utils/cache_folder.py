"""Where files that can be made again live."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """The cache: the environment's `RAG4RAG_CACHE`, else the user's cache folder."""
    return Path(
        os.environ.get("RAG4RAG_CACHE") or platformdirs.user_cache_dir("distilabel-rag4rag")
    )
