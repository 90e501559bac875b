"""Rules that find, ask for and replace the answers in a text, without a parser."""

import random
import re

MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
NUMBER_WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|fifty|hundred|"
    "thousand|million|billion|half"
)
ENTITY = re.compile(
    rf"(?P<date>\b(?:\d{{1,2}} )?(?:{MONTH})(?: \d{{1,2}})?(?:,? \d{{4}})?\b)"
    r"|(?P<year>\b1\d{3}\b|\b20\d{2}\b)"
    rf"|(?P<number>[$€£]?\b\d[\d,.]*\d%?|\b\d%?|\b(?:{NUMBER_WORDS})\b)"
    r"|(?P<name>\b[A-Z][\w'’-]+(?:(?: (?:of|the|de|and))? [A-Z][\w'’.-]*\w)*)"
)
WORD = re.compile(r"\w+(?:['’-]\w+)*")
_STOP = (
    "a an the of in on at to for from by with and or but as is are was were be been being it its "
    "this that these those he she they his her their there which who whom whose what when where "
    "how why do does did has have had not no than then so such also into over under about after "
    "before during between through out up down most more one some any all both each other can "
    "could would will may might must should i you we my your our if because while many much"
)
STOP = frozenset(_STOP.split())
INTRODUCTIONS = (
    "The answer is {}.",
    "It was {}.",
    "{}.",
    "That would be {}.",
    "It is {}.",
    "According to the passage, it is {}.",
    "According to the text, it was {}.",
    "The passage says that it was {}.",
    "The correct answer is {}.",
    "The text mentions {}.",
)
_ONSETS = "b c d f g h j k l m n p r s t v w z br ch st th tr kl"
_VOWELS = "a e i o u ai ea ou"
_CODAS = ("", "", "n", "r", "l", "s", "m", "th", "ck")


def content(text: str) -> list[str]:
    """The content words, lower-cased."""
    return [word for word in WORD.findall(text.lower()) if word not in STOP]


def kind(text: str) -> str:
    """What sort of answer this is: only one of the same sort makes a fair substitution."""
    match = ENTITY.search(text)
    if match is None:
        return "phrase" if len(text.split()) < 5 else "clause"
    if match.lastgroup == "name" and match.start() == 0 and len(match[0]) < len(text) * 0.5:
        return "phrase" if len(text.split()) < 5 else "clause"
    return str(match.lastgroup)


def entities(text: str) -> list[tuple[int, int]]:
    """Dates, years, numbers and names, or plain words where there are none, as spans."""
    spans = [m.span() for m in ENTITY.finditer(text) if m[0].lower() not in STOP]
    return spans or plain_words(text)


def plain_words(text: str) -> list[tuple[int, int]]:
    """One or two lower-case content words, as spans."""
    plain = [m.span() for m in re.finditer(r"\b[a-z]{5,}(?: [a-z]{5,})?\b", text)]
    return [s for s in plain if not set(text[slice(*s)].split()) & STOP]


def sentences(text: str) -> list[str]:
    """The sentences of a passage, split where a capital follows the full stop."""
    return [s for s in re.split(r"(?<=[a-z0-9)\"'][.!?])\s+(?=[A-Z\"])", text) if len(s) > 20]


def cloze(sentence: str, start: int, end: int, rng: random.Random) -> str:
    """A question whose answer is `sentence[start:end]`."""
    words = {
        "date": ["what date", "which day"],
        "year": ["what year", "which year"],
        "number": ["how many", "what number"],
        "name": ["who", "what", "which name"],
    }.get(kind(sentence[start:end]), ["what"])
    left, right = sentence[:start].split(), sentence[end:].rstrip(" .").split()
    reach = rng.randint(4, 14)
    left, right = left[-reach:], right[:reach]
    if rng.random() < 0.3:  # a question does not repeat every word of its passage
        left = [w for w in left if rng.random() < 0.85]
        right = [w for w in right if rng.random() < 0.85]
    ask = rng.choice(words)
    if right and left and rng.random() < 0.3:
        text = f"{ask} {' '.join(right)}, {' '.join(left)}"
    else:
        text = " ".join([*left, ask, *right])
    return text[0].upper() + text[1:] + "?"


def statement(question: str, answer: str, rng: random.Random) -> tuple[str, str]:
    """What stands before and after `answer` in a sentence that answers `question`."""
    asked = question.rstrip(" ?")
    noun = re.match(
        r"(?i)(?:what|which) ([a-z]+(?: [a-z]+)?) (?:was|were|is|are|did|does|\w+ed)\b", asked
    )
    if noun and rng.random() < 0.5:
        return f"The {noun[1]} {rng.choice(['is', 'was'])} ", "."
    if match := re.match(r"(?i)who (?!is|was|are|were|did|do|does)(.+)", asked):
        return "", f" {match[1]}."
    if match := re.match(r"(?i)(?:what|who|which|where) (is|was|are|were) (.+)", asked):
        subject = match[2][0].upper() + match[2][1:]
        return f"{subject} {match[1].lower()} ", "."
    if match := re.match(r"(?i)(?:what|which) \w+ ((?:was|were|is|are|has|had|\w+ed) .+)", asked):
        return "", f" {match[1]}."
    if match := re.match(r"(?i)how many (\w+)", asked):
        return "", f" {match[1]}."
    if match := re.match(r"(.{10,}?\b(?:in|of|by|on|at|to|from)) (?:what|which) \w+(.*)", asked):
        return f"{match[1]} ", f"{match[2]}."
    before, after = rng.choice(INTRODUCTIONS).split("{}")
    return before, after


def invented_name(rng: random.Random) -> str:
    """An invented name, of one to three syllables."""
    syllables = [
        rng.choice(_ONSETS.split()) + rng.choice(_VOWELS.split()) + rng.choice(_CODAS)
        for _ in range(rng.randint(1, 3))
    ]
    return "".join(syllables).capitalize()


def nudged(answer: str, text: str, rng: random.Random) -> str | None:
    """The answer with one digit changed, if that stands nowhere in the text."""
    digits = [i for i, char in enumerate(answer) if char.isdigit()]
    if not digits:
        return None
    place = rng.choice(digits)
    new = answer[:place] + rng.choice("123456789") + answer[place + 1 :]
    return new if new != answer and new not in text else None
