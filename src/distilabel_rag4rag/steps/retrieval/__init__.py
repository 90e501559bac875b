"""Steps that retrieve passages, and the FAISS index behind them."""

from distilabel_rag4rag.steps.retrieval.faiss_retrieve import FaissRetrieve
from distilabel_rag4rag.steps.retrieval.faiss_retrieve_from_rows import FaissRetrieveFromRows

__all__ = ["FaissRetrieve", "FaissRetrieveFromRows"]
