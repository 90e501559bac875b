"""The command line, `rag4rag`."""

from distilabel_rag4rag.cli.app import app

__all__ = ["app"]
