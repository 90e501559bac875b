"""Grounded fine-tuning data for retrievers, as distilabel steps."""
