"""What a model was trained on, kept beside it, so that no evaluation takes it for new."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from distilabel_rag4rag.data.duplicates import letters
from distilabel_rag4rag.data.identity import passage_id
from distilabel_rag4rag.data.retrieval_data import RetrievalData
from distilabel_rag4rag.errors import ConfigError

TRAINED_FILE = "rag4rag_training.json"


@dataclass(frozen=True)
class TrainedTexts:
    """Hashes of the questions and passages that a model was trained on."""

    questions: frozenset[str] = frozenset()
    passages: frozenset[str] = frozenset()

    @classmethod
    def of(cls, questions: Iterable[str], passages: Iterable[str]) -> "TrainedTexts":
        """From the texts."""
        return cls(frozenset(map(_question, questions)), frozenset(map(passage_id, passages)))

    @classmethod
    def beside(cls, models: Sequence[str]) -> "TrainedTexts":
        """Of all these models together; those of others have none."""
        questions: set[str] = set()
        passages: set[str] = set()
        for model in models:
            file = Path(model) / TRAINED_FILE
            if file.is_file():
                found = json.loads(file.read_text("utf-8"))
                questions.update(found["questions"])
                passages.update(found["passages"])
        return cls(frozenset(questions), frozenset(passages))

    def write(self, folder: Path) -> None:
        """Writes the file into a model's folder."""
        content = {"questions": sorted(self.questions), "passages": sorted(self.passages)}
        (folder / TRAINED_FILE).write_text(json.dumps(content) + "\n", "utf-8")

    def refuse_leaks(self, data: RetrievalData, field: str = "source") -> None:
        """Raises ConfigError if a query of the set is a question that was trained on."""
        leaked = [text for text in data.queries.values() if _question(text) in self.questions]
        if leaked:
            raise ConfigError(
                field,
                f"{len(leaked)} of {len(data.queries)} queries that were trained on,"
                f" such as {leaked[0]!r}",
                "queries that no model was trained on",
            )


def _question(text: str) -> str:
    return passage_id(letters(text) or text)
