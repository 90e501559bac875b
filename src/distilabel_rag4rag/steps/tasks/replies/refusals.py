"""The many ways of saying that the passages do not hold the answer.

The marker that the prompt asks for decides. A refusal in a model's own words counts where it
speaks of the passages, of the model itself, or of the question's object as "not specified", and
where it is not itself a part of a passage: "The document does not state a date" may well be the
answer.
"""

import re
import unicodedata
from typing import NamedTuple

from distilabel_rag4rag.schema import NOT_UNDERSTOOD
from distilabel_rag4rag.steps.tasks.replies.context import Context
from distilabel_rag4rag.steps.tasks.replies.languages import LANGUAGES, pattern
from distilabel_rag4rag.steps.tasks.replies.passages import words
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError

#: What the prompt asks the LLM to reply when the passages do not hold the answer.
MARKER = "NOT IN PASSAGES"

# As it was asked for, wherever it stands; with any sign between its words, or none.
_MARKER = re.compile(
    r"(?<!\w)NOT[\W_]{0,5}IN[\W_]{0,5}(?:(?:THE|THIS|THESE|ANY)[\W_]{1,5})?PASSAGES?(?![a-z])"
)
# In other letters where it ends a clause: "not in passage 1 but in passage 2" and "passage tombs"
# are answers.
_LIKE_MARKER = re.compile(
    r"\bnot[\W_]+in[\W_]+((the|this|these|any)[\W_]+)?passages?(?=[\W_]*$|[.,;:!?)\]\"'*])"
    r"|\bnot_?in_?(the_?)?passages?\b",
    re.IGNORECASE,
)
_MARKER_CUT_OFF = re.compile(r"\W*NOT[\W_]+IN[\W_]+P(?:A(?:S(?:S(?:A(?:G(?:E)?)?)?)?)?)?\W*")


_LENGTH = 5_000  # of a text that is looked at
_CORRECTION = re.compile(r"\b(?:sondern|sino|bensì|lecz|hanem)\b|而是|instead of")
_SORRY = re.compile(
    rf"(?:{pattern('sorry')})(?: (?:but|aber|mais|pero|ma|però|ale|de|maar|mas|но)\b)?"
    r"(?: (?:that|dass|que|che|że|hogy))? ?"
)
_CITED = re.compile(r"\s?(?:\[\d{1,2}\]|[\[(]passages? \d{1,2}[\])])", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;:，；：、–—()\n]+")
_SENTENCE = re.compile(r"(?<=[.!?。！？])(?=\s|[^\x00-\x7f]|$)|\n")


class _Refusal(NamedTuple):
    """How a language says that a text does not say something."""

    text: re.Pattern[str]
    no: re.Pattern[str]
    says: re.Pattern[str]
    only: re.Pattern[str]
    whole: re.Pattern[str]
    end: re.Pattern[str]
    bare: re.Pattern[str] | None


def _refusal(language: dict[str, list[str]]) -> _Refusal:
    joined = {key: "|".join(entries) for key, entries in language.items()}
    text, only = joined["text"], joined["only"]
    spaced = not re.match("[\u3000-\u9fff]", text)
    edge = r"\b" if spaced else ""
    near = (
        rf"(?:\w+ ){{0,3}}(?:{text})(?: \w+){{0,2}} (?:{only})\b"
        if spaced
        else f".{{0,6}}(?:{text}).{{0,4}}(?:{only})"
    )
    return _Refusal(
        text=re.compile(f"{edge}(?:{text}){edge}"),
        no=re.compile(f"{edge}(?:{joined['no']}){edge}"),
        says=re.compile(f"{edge}(?:{joined['says']}){edge}"),
        only=re.compile(near),
        whole=re.compile(joined["refusal"]),
        end=re.compile(f"{edge}(?:{joined['refusal_end']})$"),
        # The marker in other words: "NOT IN CONTEXT", "NICHT IN DEN PASSAGEN".
        bare=re.compile(
            rf"(?:{joined['no']})(?: \w+)? (?:{joined['inside']}) (?:\w+ ){{0,2}}(?:{text})"
        )
        if "inside" in joined
        else None,
    )


_REFUSALS = [_refusal(language) for language in LANGUAGES.values() if "refusal" in language]


def holds_exact_marker(text: str) -> bool:
    """Whether the marker stands in a text as the prompt asks for it, in capitals."""
    return _MARKER.search(unicodedata.normalize("NFKC", text)) is not None


def holds_marker(text: str, context: Context) -> bool:
    """Whether the marker of an abstention stands in a text, in any form."""
    plain = unicodedata.normalize("NFKC", text)
    if sorted(words(plain).split()) == sorted(words(MARKER).split()):
        return True
    if _MARKER.search(plain) or _MARKER_CUT_OFF.fullmatch(plain):
        return True
    return any(not context.passages.hold(found[0]) for found in _LIKE_MARKER.finditer(plain))


def without_refusals(text: str, context: Context) -> str:
    """The text before it says that the passages do not say something; "" where it begins so.

    What comes before such words is an answer where it stands in a passage.

    Raises:
        NoAnswerError: if what comes before may be an answer that is worded freely.
    """
    kept = 0
    for sentence in _SENTENCE.split(text[:_LENGTH])[:20]:
        before = text[:kept].strip()
        if _refuses(sentence, context, first=not _without_sorry(words(before))):
            if context.passages.hold(before):
                return before
            if _may_answer(before, context):
                raise NoAnswerError(NOT_UNDERSTOOD)
            return ""
        kept += len(sentence)
    return text


def _may_answer(text: str, context: Context) -> bool:
    """Whether a text has a name or a number of the passages that the question has not."""
    asked = set(words(context.question).split())
    names = re.findall(r"(?<!^)(?<![.!?]\s)\b(?:[^\W\d_a-z]\w+|\d[\w.,]*)", text)
    return any(
        context.passages.hold(name) and words(name) not in asked for name in dict.fromkeys(names)
    )


def _without_sorry(plain: str) -> str:
    found = _SORRY.match(plain)
    return plain[found.end() :].strip() if found else plain


def _refuses(sentence: str, context: Context, first: bool) -> bool:
    """Whether a sentence is a refusal; if it is not the first, it must speak of the passages."""
    sentence = _CITED.sub("", sentence)
    if len(sentence) > 500 or _is_title(sentence):
        return False
    plain = _without_sorry(words(sentence))
    if not plain or context.passages.hold(sentence) or context.passages.hold(plain):
        return False
    clauses = [_without_sorry(words(clause)) for clause in _CLAUSE.split(sentence)]
    clauses = [clause for clause in clauses if clause and not context.passages.hold(clause)]
    whole = {plain, *clauses[:1], *(clause for clause in clauses if clause.count(" ") > 1)}
    corrects = _CORRECTION.search(plain)
    for language in _REFUSALS:
        if first and (
            any(language.whole.fullmatch(clause) for clause in whole)
            or (language.bare and any(map(language.bare.fullmatch, whole)))
            or (len(plain) < 150 and language.end.search(plain))
        ):
            return True
        if not corrects and any(_denies(clause, language) for clause in clauses):
            return True
    return False


def _is_title(sentence: str) -> bool:
    """Whether all longer words have capitals: "I Don't Know How to Love Him"."""
    longer = [word for word in re.findall(r"\w[\w’']{3,}", sentence)[1:] if word[0].isascii()]
    return len(longer) > 1 and all(word[0].isupper() and not word.isupper() for word in longer)


def _denies(clause: str, language: _Refusal) -> bool:
    """Whether a clause says that a text does not say something, or says something else only."""
    found = language.text.search(clause)
    if found is None:
        return False
    others = f"{clause[: found.start()]} {clause[found.end() :]}"
    if language.no.search(others) and language.says.search(others):
        return True
    return bool(language.only.match(clause))
