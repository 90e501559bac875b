"""A comparison as one HTML file to open, as Markdown for a dataset card, and as plots."""

from distilabel_rag4rag.report.write_report import write_report

__all__ = ["write_report"]
