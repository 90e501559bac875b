"""Publish rows on the Hugging Face Hub: one commit, a card, nothing private."""

from distilabel_rag4rag.data.published_rows import published_rows
from distilabel_rag4rag.errors import PublishError
from distilabel_rag4rag.hub.push import Published, dry_run, publish
from distilabel_rag4rag.hub.safe_distiset import SafeDistiset

__all__ = ["PublishError", "Published", "SafeDistiset", "dry_run", "publish", "published_rows"]
