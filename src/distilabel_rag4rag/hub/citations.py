"""What a data set made with this package should cite."""

_OURS = r"""
@misc{distilabel-argilla-2024,
  author = {Álvaro Bartolomé Del Canto and Gabriel Martín Blázquez and Agustín Piqueres Lajarín and Daniel Vila Suero},
  title = {Distilabel: An AI Feedback (AIF) framework for building datasets with and for LLMs},
  year = {2024},
  howpublished = {\url{https://github.com/argilla-io/distilabel}}
}

@misc{kovacs2025lettucedetect,
  title = {LettuceDetect: A Hallucination Detection Framework for RAG Applications},
  author = {Ádám Kovács and Gábor Recski},
  year = {2025},
  eprint = {2502.17125},
  archivePrefix = {arXiv}
}

@misc{douze2024faiss,
  title = {The Faiss library},
  author = {Matthijs Douze and Alexandr Guzhva and Chengqi Deng and Jeff Johnson and Gergely Szilvasy and Pierre-Emmanuel Mazaré and Maria Lomeli and Lucas Hosseini and Hervé Jégou},
  year = {2024},
  eprint = {2401.08281},
  archivePrefix = {arXiv}
}

@misc{rag4rag,
  author = {Mary Newhauser},
  title = {rag4rag},
  howpublished = {\url{https://github.com/m-newhauser/rag4rag}}
}
""".strip()  # noqa: E501


def citations(more: list[str]) -> str:
    """BibTeX as a block of code, with what the pipeline's steps ask to cite."""
    extra = [entry.strip() for entry in more if entry.strip() not in _OURS and "`" not in entry]
    return "\n".join(("```bibtex", "\n\n".join([_OURS, *extra]), "```"))
