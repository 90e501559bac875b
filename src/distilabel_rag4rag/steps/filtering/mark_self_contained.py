"""MarkSelfContained: can the question be understood without its passage?"""

from typing import TYPE_CHECKING, Any, ClassVar

from distilabel_rag4rag.data.self_contained import unclear_reference
from distilabel_rag4rag.schema import EMPTY_QUESTION
from distilabel_rag4rag.steps.filtering.mark import Mark
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import has_text

if TYPE_CHECKING:
    from distilabel.typing import StepColumns


@public
class MarkSelfContained(Mark):
    """Mark the questions that can be understood without their passage.

    Not so where a question speaks of the passage ("according to the text", "the author", "this
    study", "mentioned above"), or where nothing before it in the question says what a pronoun or
    demonstrative stands for ("When did he die?", "What is this used for?"). "When did Beyoncé
    release her first album?" passes. It is a rule over words, for English, German, French,
    Spanish, Italian, Polish, Hungarian and Chinese, most thorough for English; a question in
    another language passes. What takes knowledge of the world to see ("Who founded the
    company?") passes too.

    Attributes:
        check: `self_contained`, the name in the output columns.
        language: the language of the questions, as LettuceDetect names it (en, de, fr, es, it,
            pl, cn, hu); None finds it for each question by its words. Defaults to `None`.

    Input columns:
        - question (`str`): the question, or None.

    Output columns:
        - keep_row_after_self_contained (`bool`): whether it can be understood alone.
        - self_contained_reason (`str`): the phrase that its passage explains, or None.

    Categories:
        - filtering

    Examples:
        Mark two questions:

        ```python
        from distilabel_rag4rag import MarkSelfContained

        mark = MarkSelfContained()
        mark.load()
        questions = ["When did Beyoncé release her first album?", "When did she release it?"]
        rows = next(mark.process([{"question": question} for question in questions]))
        assert [row["self_contained_reason"] for row in rows] == [
            None,
            'unclear without the passage: "she release"',
        ]
        ```
    """

    check: ClassVar[str] = "self_contained"

    language: str | None = None

    @property
    def inputs(self) -> "StepColumns":
        """The question."""
        return ["question"]

    def reason(self, row: dict[str, Any]) -> str | None:
        """The phrase that only the passage explains; None to keep the row."""
        question = row["question"]
        if not has_text(question):
            return EMPTY_QUESTION
        phrase = unclear_reference(question, self.language)
        return f'unclear without the passage: "{phrase}"' if phrase else None
