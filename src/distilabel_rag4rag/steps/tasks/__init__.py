"""Tasks: steps that ask an LLM, and how its replies are read."""
