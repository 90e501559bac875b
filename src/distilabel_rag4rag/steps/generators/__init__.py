"""Steps that begin a pipeline."""
