"""Kept rows as files to train and evaluate with, and a check that nothing stands in two splits."""

from distilabel_rag4rag.export.check import Leak, check_export
from distilabel_rag4rag.export.training_data import FORMATS, Export, export_training_data

__all__ = ["FORMATS", "Export", "Leak", "check_export", "export_training_data"]
