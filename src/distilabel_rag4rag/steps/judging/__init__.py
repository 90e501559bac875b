"""The judge: evidence and answer in, hallucinated spans and a score out."""
