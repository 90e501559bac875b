"""Publish rows on the Hugging Face Hub: one commit, a card, nothing private."""

from distilabel_rag4rag.publish.distiset import SafeDistiset
from distilabel_rag4rag.publish.errors import PublishError
from distilabel_rag4rag.publish.push import Published, dry_run, publish
from distilabel_rag4rag.publish.read import published_rows

__all__ = ["PublishError", "Published", "SafeDistiset", "dry_run", "publish", "published_rows"]
