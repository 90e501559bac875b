"""A real argilla-server for tests; only its search engine is replaced (engine.py)."""
