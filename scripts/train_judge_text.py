"""Rules that find, ask for and change what a text says, without a parser."""

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
#: Words that say another thing than the others on their line.
_FAMILIES = """
    km kilometres kilometers miles metres meters feet inches yards
    kg tons tonnes pounds grams
    seconds minutes hours days weeks months years decades centuries
    second minute hour day week month year decade century
    thousand million billion trillion
    degrees percent
    more less fewer
    most least fewest
    larger smaller
    largest smallest
    greater lesser
    higher lower
    highest lowest
    longer shorter
    older younger
    oldest newest youngest
    earlier later
    earliest latest
    better worse
    best worst
    faster slower
    first second third last
    before after
    above below
    inside outside
    increase decrease
    increases decreases
    increased decreased
    rising falling
    north south east west
    northern southern eastern western
    upper lower
    upstream downstream
    maximum minimum
    always never
    all none some few
    every no
    both neither
    with without
    won lost
    male female
    men women
    son daughter
    father mother
    positive negative
    subsonic supersonic
    laminar turbulent
    internal external
    early late
    major minor
    only partly
    began ended
    true false
    can cannot
"""
_OTHERS = {
    word: [other for other in line.split() if other != word]
    for line in _FAMILIES.strip().splitlines()
    for word in line.split()
}
_FAMILY_WORD = re.compile(rf"\b(?:{'|'.join(sorted(_OTHERS, key=len, reverse=True))})\b")
_AUXILIARY = re.compile(
    r"\b(is|are|was|were|has|had|can|could|will|would|did|does|do|may)\b( not)?"
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
    """Dates, years, numbers and names, or phrases where there are none, as spans."""
    spans = [m.span() for m in ENTITY.finditer(text) if m[0].lower() not in STOP]
    return spans or phrases(text)


def phrases(text: str) -> list[tuple[int, int]]:
    """One to three lower-case content words in a row, as spans."""
    found: list[tuple[int, int]] = []
    run: list[tuple[int, int]] = []

    def close() -> None:
        if run and any(end - start > 4 for start, end in run[-3:]):
            found.append((run[-3:][0][0], run[-1][1]))
        run.clear()

    for match in WORD.finditer(text):
        word = match[0]
        if run and text[run[-1][1] : match.start()] != " ":
            close()
        if word in STOP or not word.islower() or len(word) < 4:
            close()
        else:
            run.append(match.span())
    close()
    return found


def sentences(text: str) -> list[str]:
    """The sentences of a passage: cut at a full stop before a capital, or one set apart."""
    parts = re.split(r"(?<=[a-z0-9)\"'][.!?])\s+(?=[A-Z\"])|(?<= \.)\s+", text)
    return [part for part in parts if len(part) > 20]


def cloze(sentence: str, start: int, end: int, rng: random.Random) -> str:
    """A question whose answer is `sentence[start:end]`."""
    words = {
        "date": ["what date", "which day", "when"],
        "year": ["what year", "which year", "when"],
        "number": ["how many", "what number", "how much"],
        "name": ["who", "what", "which name", "where"],
    }.get(kind(sentence[start:end]), ["what", "what", "how", "which"])
    left, right = sentence[:start].split(), sentence[end:].rstrip(" .").split()
    reach = rng.randint(4, 14)
    left, right = left[-reach:], right[:reach]
    if rng.random() < 0.4:  # a question does not repeat every word of its passage
        left = [w for w in left if rng.random() < 0.8]
        right = [w for w in right if rng.random() < 0.8]
    ask = rng.choice(words)
    if right and left and rng.random() < 0.4:
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


def contradicted(sentence: str, rng: random.Random) -> tuple[str, str, str] | None:
    """The sentence with a negation, a unit or a comparative changed: before, new words, after."""
    found: list[tuple[int, int, str]] = []
    for match in _FAMILY_WORD.finditer(sentence):
        found.append((*match.span(), rng.choice(_OTHERS[match[0]])))
    for match in _AUXILIARY.finditer(sentence):
        new = match[1] if match[2] else f"{match[1]} {rng.choice(['not', 'not', 'never'])}"
        found.append((*match.span(), new))
    if not found:
        return None
    start, end, new = rng.choice(found)
    return sentence[:start], new, sentence[end:]


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
