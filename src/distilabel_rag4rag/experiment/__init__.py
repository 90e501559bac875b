"""The arms run on the same questions, compared, written to files."""
