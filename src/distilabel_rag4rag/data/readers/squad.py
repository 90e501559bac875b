"""SQuAD's JSON, versions 1.1 and 2.0, as records."""

from collections.abc import Iterator
from typing import Any

from distilabel_rag4rag.data.readers.table import Record


def squad_records(data: list[Any], name: str, questions: bool) -> Iterator[Record]:
    """A record per question, or one per paragraph.

    `plausible_answers` of questions without an answer are not read: they are wrong.

    Raises:
        ValueError: if a document has another form.
    """
    for number, document in enumerate(data, 1):
        try:
            for paragraph in document["paragraphs"]:
                passage = {"title": document.get("title"), "context": paragraph["context"]}
                if not questions:
                    yield passage
                    continue
                for qa in paragraph["qas"]:
                    yield passage | {
                        "id": qa.get("id"),
                        "question": qa["question"],
                        "human_answers": qa.get("answers"),
                        "is_impossible": qa.get("is_impossible"),
                    }
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{name}: document {number} is not in SQuAD's form: {error}"
            ) from error
