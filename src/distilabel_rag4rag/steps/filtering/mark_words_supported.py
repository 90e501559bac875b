"""MarkWordsSupported: do the answer's words stand in its evidence?"""

from typing import TYPE_CHECKING, Any, ClassVar

from distilabel.mixins.runtime_parameters import RuntimeParameter
from pydantic import Field

from distilabel_rag4rag.data.word_support import word_support
from distilabel_rag4rag.schema import NO_PASSAGES
from distilabel_rag4rag.steps.filtering.mark import Mark, no_answer
from distilabel_rag4rag.steps.tasks.grounded_answer_generation import as_passages
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import has_text

if TYPE_CHECKING:
    from distilabel.typing import StepColumns


@public
class MarkWordsSupported(Mark):
    """Mark the answers whose content words stand in their evidence.

    A check without a model, beside the judge's and different from it. An answer passes where
    all of its numbers, all of its names that the question does not hold, and a share of its other
    words stand in the evidence, each as it is written but for case. It knows no other forms and
    no synonyms: an answer in the passage's own words passes, one in an LLM's own words often does
    not. An answer without content words ("Yes.") cannot be checked and does not pass.

    On HaluEval's question answering (the 100 and 100 questions of both turns that no setting was
    chosen on) it flags 81% of the hallucinated answers and none of the right ones but those that
    are "yes" or "no"; of 632 human answers of SQuAD it flags 2.

    Attributes:
        check: `words_supported`, the name in the output columns.
        language: whose function words do not count: en, de, fr, es or it. In any other language
            all words count. Defaults to `en`.

    Runtime parameters:
        - `least`: the smallest share of the words that must stand in the evidence.
            Defaults to `0.8`.

    Input columns:
        - answer (`str`): the answer, or None.
        - contexts (`Union[str, List[str]]`): the evidence; map `context` onto it with
            `input_mappings`.
        - question (`str`, optional): names that stand in it may stand in the answer.
        - answer_reason (`str`, optional): why there is no answer.

    Output columns:
        - keep_row_after_words_supported (`bool`): whether the words stand in the evidence.
        - words_supported_reason (`str`): those that do not, or None.

    Categories:
        - filtering

    Examples:
        Mark a supported and an invented year:

        ```python
        from distilabel_rag4rag import MarkWordsSupported

        mark = MarkWordsSupported()
        mark.load()
        evidence = "The kettle was cast in Torgau in 1712."
        rows = [{"answer": answer, "contexts": evidence} for answer in ("in 1712", "in 1721")]
        rows = next(mark.process(rows))
        assert [row["words_supported_reason"] for row in rows] == [
            None,
            'not in the evidence: "1721"',
        ]
        ```
    """

    check: ClassVar[str] = "words_supported"

    language: str = "en"
    least: RuntimeParameter[float] = Field(
        default=0.8, ge=0, le=1, description="The smallest share of words in the evidence."
    )

    @property
    def inputs(self) -> "StepColumns":
        """The answer and its evidence."""
        return {"answer": True, "contexts": True, "question": False, "answer_reason": False}

    def reason(self, row: dict[str, Any]) -> str | None:
        """The words that do not stand in the evidence; None to keep the row."""
        answer, question = row["answer"], row.get("question")
        if missing := no_answer(row):
            return missing
        passages = as_passages(row["contexts"])
        if not passages:
            return NO_PASSAGES
        asked = question if has_text(question) else ""
        return word_support(answer, passages, asked, self.language).reason(self.least)  # type: ignore[arg-type]
