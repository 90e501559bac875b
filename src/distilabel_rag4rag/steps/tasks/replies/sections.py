"""Lines of a reply that are not the answer: labels, prefaces, closing words, further turns.

Each function takes a text and gives it back with less around the answer, or as it was.
"""

import re
from textwrap import dedent
from typing import NamedTuple

from distilabel_rag4rag.schema import NOT_UNDERSTOOD, NOTHING_LEFT, ONLY_REASONING
from distilabel_rag4rag.steps.tasks.replies.chat_markup import has_word
from distilabel_rag4rag.steps.tasks.replies.context import Context
from distilabel_rag4rag.steps.tasks.replies.languages import (
    Kind,
    kind_of,
    matches,
    pattern,
    plain,
)
from distilabel_rag4rag.steps.tasks.replies.passages import words
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError

_HEAD = re.compile(
    r"(?P<before>(?:[^\w\n|]|_|\d{1,2}[.)][ \t]){0,12})"
    r"(?P<name>[^\W\d_][^\n:：﹕=*_`\"“”»\])】>→⇒|(]{0,60})"
)
_TAIL = re.compile(
    r"(?:\([^()\n]{0,30}\))?\s*(?:(?P<arrow>>)|(?P<after>[*_`\"'”»\])】>|~ \t]*))"
    r"(?P<sign>[:：﹕=→⇒])?[ \t]*(?P<rest>.*)"
)
_DASH = re.compile(r"(.*?)\s[-–—]{1,2}\s(.*)")
_DECORATION = str.maketrans("", "", "#>-•+–—. \t0123456789")
_MIRROR = str.maketrans("([{<«“„‘「『【", ")]}>»”“’」』】")
# A label inside of a line: "The passage names a town. Final answer: Torgau".
_INLINE = re.compile(
    r"(?:(?<=[.!?;。！？\"'”)*\n])|\s[-–—])\s{0,3}[*_]{0,3}"
    r"(?P<name>[^\W\d_][\w' -]{0,40}?)[*_]{0,3}\s?[:：]"
)
_NOT = r"(?!\s{0,3}(?:not|nicht|n't)\b)"
_ANSWER_IS = matches(
    rf"(?:^|(?<=[.!?;,:。，\n])\s{{0,3}})(?:(?:and|so|thus|therefore|hence|also)\b,?\s)?"
    rf"(?:{pattern('answer_is')}){_NOT}\s{{0,3}}"
)
_GSM = re.compile(r"\n####[ \t]*(\S[^\n]*)$")  # how the data of GSM8K ends a chain of thought

_INTERJECTION = matches(
    rf"[¡¿]?(?:{pattern('interjection')})\s?(?:[!,.…:：！，。–—]|-(?=\s))+\s{{0,3}}(?=\S)"
)
# Words that may be the answer, or a part of it, elsewhere.
_EXCLAMATION = matches(
    r"(?!no\.\s?\d)(?:yes|yeah|yep|no|nope|well|oh|ah|hmm+|right|so)\s?[!,.:…]+\s{1,3}(?=\S)"
)
_ASKS_FOR_MORE_THAN_YES = matches(r".*\b(?:wh(?:at|ich|o|om|ose|en|ere|y)|how)\b")
_PIECES = matches(
    rf"(?:[¡¿]?(?:{pattern('interjection')}|{pattern('filler')})[\s.,!…:;！，。：–—-]*)+"
)
_INTRODUCTION = matches(rf"(?:{pattern('introduction')})\s?[:：]\s{{0,3}}(?=\S)")
_SOURCE = matches(rf"(?:{pattern('source')})\s{{0,3}}[,:，：]\s{{0,3}}")
_STARTS_WITH_ANSWER_IS = matches(rf"(?:{pattern('answer_is')}){_NOT}\s{{0,3}}")
_NOTHING_SAID = matches(rf"(?:{pattern('source')}|{pattern('answer_is')})[\s,:.，：]*")
_SECOND_THOUGHT = matches(
    r"(?:[.!?…]\s{1,3}|\n\s{0,3})(?:oh,?\s|no,?\s|but\s)?(?:(?:wait|hmm+|hold on|actually"
    r"|scratch that|on second thoughts?|let me (?:correct|revise|re-?check|reconsider)"
    r"|i made a mistake)\b[\s,.!:…–—-]"
    r"|(?:no|sorry|correction)[,:!]\s"
    r"|(?:that|this|it)(?: is| was|'s) (?:wrong|incorrect|not right)\b)"
)
_CLOSING = matches(rf"[^\w\n]{{0,3}}(?:{pattern('closing')})")
_CLOSING_SENTENCE = matches(rf"(?<=[.!?。！？\"”])\s{{1,3}}(?:{pattern('closing')})[^\n]{{0,200}}$")
_DELIBERATION = matches(
    rf"[^\w\n]{{0,3}}(?:(?:okay|ok|alright|all\s+right|hmm+|wait|so|well|now|first|also)\b[,.…!]*\s+){{0,4}}"
    rf"(?:{pattern('deliberation')})"
)
_INSTRUCTION = matches(
    r"answer (?:with a name, a number|with one sentence|each question with|from the passages)\b"
    r"[^\n]*$"
)
_COLON = (":", "：", ":-")


class _Label(NamedTuple):
    kind: Kind
    name: str
    rest: str
    certain: bool  # whether a sign, a heading or a bracket makes the word a label


def label_of(line: str) -> _Label | None:
    """The label that a line begins with or is: "**Antwort:** Torgau", "### Answer"."""
    head = _HEAD.match(line)
    if head is None:
        return None
    name, rest, sign, after = head["name"], line[head.end() :], False, ""
    if dash := _DASH.fullmatch(name):
        name, rest, sign = dash[1], dash[2] + rest, True
    elif tail := _TAIL.match(rest):
        rest, after = tail["rest"].strip(), (tail["after"] or "").strip()
        sign = bool(tail["sign"]) or (bool(tail["arrow"]) and name[-1] in "-=")
    kind = kind_of(name.rstrip("-=")) if len(name) < 60 else None
    if kind is None:
        return None
    before = head["before"].strip()
    marks = before.translate(_DECORATION)
    heading = before.startswith("#") or marks[:2] in ("**", "__")
    closed = bool(marks) and bool(after)
    quoted = marks[:1] in ('"', "'", "“", "‘", "«", "„", "`")
    if not sign and ((rest and not closed) or (rest and kind == "aside") or quoted):
        return None
    if marks and not after:  # what was opened before the label: "**Answer:** x", "[Answer: x]"
        closing = marks[::-1].translate(_MIRROR)
        rest = (
            rest.removeprefix(closing) if rest.startswith(closing) else rest.removesuffix(closing)
        )
    return _Label(kind, name.lower(), rest.strip(), sign or heading or closed)


def introduces(text: str) -> bool:
    """Whether nothing in a text is an answer, and it only leads on to one."""
    line = text.strip().strip("*_#> \t")
    if not has_word(line) or line.endswith(_COLON):
        return True
    label = label_of(line)
    if label is not None and not label.rest and label.kind in ("answer", "response"):
        return True
    return len(line) < 300 and bool(_PIECES.fullmatch(plain(line)))


def without_prompt(text: str, context: Context) -> str:
    """Without lines of nothing but marks, and without what is repeated of the prompt."""
    lines = [
        line
        for line in text.split("\n")
        if not line.strip() or has_word(line) or line.lstrip()[0] == "|"
    ]
    return "\n".join(line for line in lines if not _INSTRUCTION.match(line.strip(" *_")))


def without_preface(text: str, context: Context) -> str:
    """Without what leads on to the answer, in lines of its own or at the start of a line."""
    first, newline, rest = text.partition("\n")
    if has_word(rest):
        line = plain(first.strip().strip("*_#> \t"))
        named = " " in line and context.passages.contain(first.strip())  # "Sure Thing"
        if len(line) < 300 and _PIECES.fullmatch(line) and not named:
            return rest
        known = _INTRODUCTION.match(f"{line} x") or _INTERJECTION.match(line) or label_of(line)
        if line.endswith(_COLON) and (context.short or known or _ANSWER_IS.match(line)):
            return rest
    if context.passages.hold(first):
        return text
    found = _EXCLAMATION.match(plain(first))
    if (
        found
        and context.passages.hold(first[found.end() :])
        and _ASKS_FOR_MORE_THAN_YES.match(plain(context.question))
    ):
        return first[found.end() :] + newline + rest
    for expression in (_INTERJECTION, _INTRODUCTION, _SOURCE, _STARTS_WITH_ANSWER_IS):
        found = expression.match(plain(first))
        if found and has_word(first[found.end() :] + rest):
            first = first[found.end() :]
    return first + newline + rest


def without_closing(text: str, context: Context) -> str:
    """Without what a chat model says once it has answered."""
    lines = text.split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or _CLOSING.match(plain(lines[-1]))):
        lines.pop()
    if found := _CLOSING_SENTENCE.search(plain(lines[-1])):
        lines[-1] = lines[-1][: found.start()]
    return "\n".join(lines)


def answer_section(text: str, context: Context) -> str:
    """What stands under the label of an answer, or before the first label of something else."""
    if gsm := _GSM.search(text):
        return gsm[1]
    lines = text.split("\n")
    labels = _labels(lines)
    if not labels or ("\n" not in text and _is_said(next(iter(labels.values())), text, context)):
        return text
    sections: list[tuple[_Label | None, str]] = []
    started = 0
    label: _Label | None = None
    for number in (*labels, len(lines)):
        body = lines[started:number]
        if label is not None:
            body[0] = label.rest
            body[1:] = dedent("\n".join(body[1:])).split("\n")
        content = "\n".join(body).strip()
        if label is not None or has_word(content):
            sections.append((label, content))
        if number < len(lines):
            label, started = labels[number], number
            if label.kind == "question" and any(
                s is None or s.kind in ("answer", "response") for s, _ in sections
            ):
                if not context.question or words(label.rest) != words(context.question):
                    break  # the model goes on to ask itself another question
                sections.clear()  # it repeated the prompt so far
    first, content = sections[0]
    asked = words(context.question)
    repeated = f"{first.rest} {content}" if first and first.kind == "question" else ""
    if has_word(repeated) and asked not in words(repeated):
        raise NoAnswerError(NOT_UNDERSTOOD)  # it answers another question
    for kind in ("answer", "response"):
        found = [(s.name, content) for s, content in sections if s is not None and s.kind == kind]
        if found:
            return chosen(found, context)
    label, content = sections[0]
    if label is None or ("\n" not in text and label.name.startswith("passage")):
        return content
    raise NoAnswerError(NOT_UNDERSTOOD)


def _is_said(label: _Label, line: str, context: Context) -> bool:
    """Whether a line like a label is the answer: "The Answer" and "Source: BBC" may be."""
    return (label.kind == "aside" or not label.rest) and context.passages.hold(line)


def _labels(lines: list[str]) -> dict[int, _Label]:
    """The labels by the number of their line."""
    spoken = [number for number, line in enumerate(lines) if line.strip()]
    found = {}
    for number in spoken:
        label = label_of(lines[number])
        if label is None:
            continue
        if not label.certain and (
            number == spoken[-1] or (label.kind in ("aside", "question") and number == spoken[0])
        ):
            continue
        found[number] = label
    return found


def chosen(found: list[tuple[str, str]], context: Context) -> str:
    """One of several answers, each with its name: the final one, or that of the asked length."""
    found = [(name, content) for name, content in found if has_word(content)]
    if not found:
        raise NoAnswerError(NOTHING_LEFT)
    length = ("short", "brief", "kurz", "courte", "corta", "krótka", "rövid", "concise", "exact")
    other = ("long", "full", "complete", "sentence", "detailed")
    for wanted in (
        (
            "final",
            "correct",
            "revised",
            "endgültig",
            "korrektur",
            "ostateczn",
            "végső",
            "最终",
            "最終",
        ),
        length if context.short else other,
    ):
        best = [item for item in found if any(word in item[0] for word in wanted)]
        if best:
            found = best
            break
    if len({words(content.partition("\n")[0]) for _, content in found}) > 1:
        raise NoAnswerError(NOT_UNDERSTOOD)
    return found[0][1]


def inline_answer(text: str, context: Context) -> str:
    """What stands after "Answer:" or "so the answer is" within a line, where it explains first."""
    first, newline, _ = text.partition("\n")
    # What comes after an answer that stands in a passage is said of it, or says it again.
    if context.passages.hold(text) or (newline and context.passages.hold(first)):
        return text
    ends = [found.end() for found in _INLINE.finditer(text) if kind_of(found["name"]) == "answer"]
    if not ends and (context.short or _DELIBERATION.match(plain(text))):
        ends = [found.end() for found in _ANSWER_IS.finditer(plain(text))]
    last = text[ends[-1] :] if ends else ""
    # Said again, and cut off where the reply ends.
    again = newline and words(first).startswith(words(last))
    return last if has_word(last) and not again else text


def reject_deliberation(text: str, context: Context) -> None:
    """Raises where a text is reasoning that has no tags."""
    first, _, rest = text.partition("\n")
    aside = re.fullmatch(r"\*[^*]{2,300}\*|\([^()]{2,300}\)", first.strip())
    if aside and has_word(rest) and not context.passages.hold(first):
        raise NoAnswerError(NOT_UNDERSTOOD)  # "*thinks about it*"
    if _SECOND_THOUGHT.search(plain(text)) and not context.passages.hold(text):
        raise NoAnswerError(ONLY_REASONING)
    if _DELIBERATION.match(plain(text)) and not context.passages.hold(text.partition("\n")[0]):
        raise NoAnswerError(ONLY_REASONING)


def says_nothing(text: str) -> bool:
    """Whether a text is only a label, a preface or closing words."""
    label = label_of(text)
    if label is not None and not label.rest and label.kind in ("answer", "response"):
        return True
    if text.lower() in ("null", "undefined", "nan", "nil", "tbd"):
        return True
    whole = _PIECES.fullmatch(plain(text)) or _NOTHING_SAID.fullmatch(plain(text))
    return len(text) < 300 and bool(whole or _CLOSING.match(plain(text)))
