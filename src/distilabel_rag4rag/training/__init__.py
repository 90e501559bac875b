"""Fine-tunes retrievers and measures them: what did the data do, beyond what any data does."""
