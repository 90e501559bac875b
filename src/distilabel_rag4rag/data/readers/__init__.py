"""Readers: one kind of source each, opened as a table of records."""
