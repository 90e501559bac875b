"""LLMs, embedders and the packaged models."""
