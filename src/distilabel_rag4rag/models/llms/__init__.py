"""LLMs: the packaged one, and one whose replies are kept on disk."""
