"""The settings of the dataset in Argilla: is this answer supported by this passage?"""

from importlib.resources import files
from typing import TYPE_CHECKING

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.review.connect import import_argilla

if TYPE_CHECKING:
    from argilla import Argilla, Dataset, Settings

VERDICTS = {
    "supported": "Supported",
    "partly": "Partly",
    "hallucinated": "Hallucinated",
    "unanswerable": "Question unanswerable",
}
#: The label of the span question.
SPAN_LABEL = "hallucinated"
#: Fields, questions and metadata share their names, and `arm` is metadata.
ARM_FIELD = "answered_by"
GOOD = {"yes": "Yes", "no": "No"}


def make_settings(
    client: "Argilla",
    *,
    annotators: int = 1,
    show_arm: bool = False,
    show_human_answer: bool = False,
) -> "Settings":
    """Fields, questions, guidelines and metadata.

    Args:
        client: the server's.
        annotators: so many people answer each record.
        show_arm: reviewers see which arm answered. By default they are blind: neither the field
            nor the metadata that would tell (the arm, and what only retrieval has) is theirs to
            see; admins can filter and sort by it.
        show_human_answer: reviewers see a person's answer, where there is one.
    """
    rg = import_argilla()
    fields = [
        rg.TextField("question", title="Question", client=client),
        rg.TextField("passage", title="Passage", client=client),
        rg.TextField("answer", title="Answer", client=client),
    ]
    for name, title, is_shown in (
        ("human_answer", "A person's answer", show_human_answer),
        (ARM_FIELD, "Answered by", show_arm),
    ):
        if is_shown:
            fields.append(rg.TextField(name, title=title, required=False, client=client))
    blind = {"visible_for_annotators": show_arm, "client": client}
    hidden = {"visible_for_annotators": False, "client": client}
    return rg.Settings(
        guidelines=(files(__package__) / "guidelines.md").read_text("utf-8"),
        fields=fields,
        questions=[
            rg.LabelQuestion(
                "verdict",
                labels=VERDICTS,
                title="Is the answer supported by the passage?",
                client=client,
            ),
            rg.SpanQuestion(
                "spans",
                field="answer",
                labels={SPAN_LABEL: "Hallucinated"},
                title="What in the answer is hallucinated?",
                description="Marked by the judge; correct it. No mark: nothing is hallucinated.",
                required=False,
                client=client,
            ),
            rg.TextQuestion(
                "corrected_answer", title="Corrected answer", required=False, client=client
            ),
            rg.LabelQuestion(
                "question_is_good",
                labels=GOOD,
                title="Is the question good?",
                required=False,
                client=client,
            ),
        ],
        metadata=[
            rg.FloatMetadataProperty("score", title="Hallucination score", client=client),
            rg.FloatMetadataProperty("uncertainty", title="Judge's uncertainty", client=client),
            rg.TermsMetadataProperty("row_id", title="Row", client=client),
            rg.TermsMetadataProperty("passage_id", title="Passage", client=client),
            rg.TermsMetadataProperty("arm", title="Arm", **blind),
            rg.FloatMetadataProperty("retrieval_score", title="Retrieval score", **blind),
            rg.IntegerMetadataProperty("source_rank", title="Source rank", **blind),
            rg.TermsMetadataProperty("stratum", title="Stratum of the sample", **hidden),
            rg.FloatMetadataProperty("weight", title="Weight in the sample", **hidden),
        ],
        distribution=rg.TaskDistribution(min_submitted=annotators),
    )


def check_settings(dataset: "Dataset", expected_settings: "Settings") -> None:
    """Raise unless an existing dataset has these settings.

    Raises:
        ConfigError: with what differs.
    """
    found, expected = _shape(dataset.settings), _shape(expected_settings)
    found = {  # what an admin added to filter by does no harm
        name: kind
        for name, kind in found.items()
        if name in expected or not name.startswith("metadata")
    }
    if differences := _differences(found, expected):
        raise ConfigError(
            "dataset",
            dataset.name,
            "a new name, or the settings that the dataset of this name has",
            f"They differ: {differences}.",
        )


def check_readable(dataset: "Dataset", ours: "Settings") -> None:
    """Raise unless answers to our questions can be read from it.

    Raises:
        ConfigError: with what is missing.
    """
    found = _shape(dataset.settings)
    expected = {
        name: kind for name, kind in _shape(ours).items() if name.startswith(("field", "question"))
    }
    if differences := _differences(
        {name: found[name] for name in expected.keys() & found}, expected
    ):
        raise ConfigError(
            "dataset",
            dataset.name,
            "a dataset that `review push` made",
            f"It differs: {differences}.",
        )


def _differences(found: dict[str, str], expected: dict[str, str]) -> str:
    """The first three, as text; empty if there are none."""
    differences = [
        f"{name} is {found.get(name, 'missing')}, expected {expected.get(name, 'none')}"
        for name in sorted(found.keys() | expected.keys())
        if found.get(name) != expected.get(name)
    ]
    more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
    return "; ".join(differences[:3]) + more


def _shape(settings: "Settings") -> dict[str, str]:
    """What must be the same for our records to fit: names, types, labels, who sees what."""
    shape = {f"field '{field.name}'": field.type for field in settings.fields}
    for question in settings.questions:
        labels = getattr(question, "labels", None)
        shape[f"question '{question.name}'"] = question.type + (f" {labels}" if labels else "")
    for metadata in settings.metadata:
        seen = "visible" if metadata.visible_for_annotators else "hidden"
        shape[f"metadata '{metadata.name}'"] = f"{metadata._model.type} ({seen})"
    shape["annotators"] = str(settings.distribution.min_submitted)
    return shape
