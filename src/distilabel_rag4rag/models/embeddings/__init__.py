"""Embedders: the packaged one."""
