"""Readers: one kind of source each, opened as a table of records; `open_table` picks one."""
