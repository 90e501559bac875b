"""Whether a question can be understood without its passage: a rule over words, in eight languages.

It finds phrases that speak of the passage ("according to the text", "mentioned above", "this
study"), and pronouns and demonstratives that no noun before them in the question explains ("When
did he die?"). "When did Beyoncé release her first album?" explains its own pronoun. What takes
knowledge of the world to see ("Who founded the company?") is not found.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_FILE = files("distilabel_rag4rag.data") / "self_contained.toml"
_WORDS: dict[str, dict[str, list[str]]] = tomllib.loads(_FILE.read_text("utf-8"))

#: The languages whose words are known.
LANGUAGES = tuple(_WORDS)
#: What LettuceDetect calls Chinese.
_OTHER_NAMES = {"cn": "zh"}

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_QUOTED = re.compile(r"[\"“„«](?=\w)|(?<![\w])['‘](?=[A-Z])")
_HAN = re.compile(r"[\u4e00-\u9fff]")
# A name that says where or when, and so explains no "he".
_PLACED = re.compile(
    r"\b(?:in|at|during|on|near|from|since|before|after|until|by)\s(?:the\s)?$", re.I
)
# "Which king sold his crown?": what is asked for is what the pronoun stands for.
_AUXILIARY = r"(?:do|does|did|is|are|was|were|has|have|had)\b"
_ASKED = re.compile(
    rf"^(?:\w+ )?"
    rf"(?P<asked>who|(?:which|what|how many|whose)(?: (?!{_AUXILIARY})[\w-]+){{1,4}}?|what)"
    r" (?P<verb>(?!do\b|does\b|did\b)[\w'-]+)(?P<rest>.*)$",
    re.I,
)
#: Characters of a question that are looked at.
_LONGEST = 1_000
_BEFORE_MAIN_CLAUSE = re.compile(
    r"^(?:after|before|when|while|as|since|until|once|in|during|with|despite|although|though|because|if|at|on|for)\b",
    re.I,
)


class _Language(NamedTuple):
    function: frozenset[str]
    passage: re.Pattern[str]
    unless_named: re.Pattern[str]
    expletive: re.Pattern[str] | None
    pronoun: re.Pattern[str]
    possessive: re.Pattern[str] | None
    person: frozenset[str]
    noun: re.Pattern[str] | None
    tied: re.Pattern[str]
    tied_or_beside: re.Pattern[str]
    boundary: re.Pattern[str] | None


def unclear_reference(question: str, language: str | None = None) -> str | None:
    """The phrase of a question that only its passage explains; None where there is none.

    Args:
        question: the question, a claim or a keyword query.
        language: "en", "de", "fr", "es", "it", "pl", "zh" (or "cn") or "hu"; None finds it by the
            question's words. In any other language nothing is found.
    """
    text = " ".join(question.replace("’", "'").split())[:_LONGEST]
    code = _OTHER_NAMES.get(language, language) if language else language_of(text)
    if code not in _WORDS:
        return None
    rules = _rules(code)
    if found := rules.passage.search(text):
        return _phrase(found[0])
    for found in rules.unless_named.finditer(text):
        if not _names(text[: found.start()], rules, code):
            return _phrase(found[0])
    masked = text
    if rules.expletive:
        masked = rules.expletive.sub(lambda match: "\x00" * len(match[0]), text)
    for found in rules.pronoun.finditer(masked):
        is_acronym = found[0].isupper() and not text.isupper()  # "IT"
        if not is_acronym and not _explained(text, found, rules, code):
            return _with_noun(text, found, code)
    return None


def language_of(text: str) -> str | None:
    """The language with most of the text's words among its function words, None without any."""
    if _HAN.search(text):
        return "zh"
    words = [word.lower() for word in _WORD.findall(text)]
    counts = {code: sum(word in _rules(code).function for word in words) for code in LANGUAGES}
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] else None


@cache
def _rules(code: str) -> _Language:
    own = _WORDS[code]
    spaced = code != "zh"

    def pattern(*keys: str) -> re.Pattern[str]:
        entries = [entry for key in keys for entry in own[key]]
        body = "|".join(entries) or "(?!)"
        return re.compile(rf"(?<!\w)(?:{body})(?!\w)" if spaced else body, re.I)

    def words_of(*keys: str) -> str:
        return "|".join(re.escape(word) for key in keys for word in own[key])

    def after(words: str) -> str:
        return rf"(?<!\w)(?:{words})(?:\s|(?<='))"

    article, tie = after(words_of("articles")), words_of("of") or "(?!)"
    boundary = [
        re.escape(word) if word.isalpha() is False else rf"\b{word}\b" for word in own["boundary"]
    ]
    return _Language(
        frozenset(own["function"]),
        pattern("passage"),
        pattern("unless_named"),
        re.compile("|".join(own["expletive"]), re.I) if own["expletive"] else None,
        pattern("subject", "possessive"),
        pattern("possessive") if own["possessive"] else None,
        frozenset(own["person"]),
        None
        if own["articles"] == ["*"]
        else re.compile(
            rf"{after(words_of('articles', 'auxiliaries'))}(?=(?P<noun>[^\W\d_][\w-]*))", re.I
        ),
        # "the name of", "the first film that": a noun whose own words the pronoun belongs to.
        re.compile(rf"(?:{article}(?:[\w'-]+ ){{1,4}}?(?:{tie})(?:\s|(?<=')))+$", re.I),
        re.compile(rf"(?:{article}(?:[\w'-]+ ){{1,4}}?(?:(?:{tie})(?:\s|(?<=')))?)+$", re.I),
        re.compile("|".join(boundary), re.I) if boundary else None,
    )


def _names(before: str, rules: _Language, code: str, person: bool = False) -> bool:
    """Whether a name, a quotation or (in German) any noun stands in the text."""
    if _QUOTED.search(before):
        return True
    if code == "zh":
        left = re.sub("|".join(sorted(rules.function, key=len, reverse=True)), "", before)
        return len(_HAN.findall(left)) >= 2
    for found in _WORD.finditer(before):
        word = found[0]
        if not word[0].isupper() or word.lower() in rules.function:
            continue
        if word.lower().removesuffix("'s") in rules.function:
            continue
        if person and _PLACED.search(before[: found.start()]):
            continue
        if code == "de" and re.search(
            r"\b(?:welche[rsmn]?|viele?|was für eine?)\s$", before[: found.start()], re.I
        ):
            continue
        if rules.pronoun.fullmatch(word):
            continue
        return True
    return False


def _explained(text: str, pronoun: re.Match[str], rules: _Language, code: str) -> bool:
    before, after = text[: pronoun.start()], text[pronoun.end() :]
    person = pronoun[0].lower() in rules.person
    possessive = bool(rules.possessive and rules.possessive.fullmatch(pronoun[0]))
    tied = rules.tied if possessive else rules.tied_or_beside
    untied = tied.sub("", before) if rules.noun else before
    if _names(untied if code == "de" else before, rules, code, person):
        return True
    if rules.noun is None:
        words = [w.lower() for w in _WORD.findall(before) if len(w) >= 4]
        return code != "zh" and any(w not in rules.function for w in words)
    if code == "en" and _is_asked_for(before, pronoun[0].lower(), possessive, rules):
        return True
    main = after.partition(",")[2]
    if main and _BEFORE_MAIN_CLAUSE.search(text) and _names(f". {main}", rules, code):
        return True
    if code == "de":
        return False
    nouns = [n for n in rules.noun.finditer(untied) if n["noun"].lower() not in rules.function]
    nouns = [n for n in nouns if not rules.pronoun.fullmatch(n["noun"])]
    if not nouns:
        return False
    if possessive or rules.boundary is None:
        return True
    return bool(rules.boundary.search(before, nouns[0].end()))


def _is_asked_for(before: str, pronoun: str, possessive: bool, rules: _Language) -> bool:
    """Whether the pronoun stands for what the question asks for, its subject."""
    found = _ASKED.search(before.strip())
    if not found:
        return False
    verb, rest = found["verb"].lower(), found["rest"].strip()
    if not rest and verb in rules.function and verb not in ("has", "have", "had"):
        return False  # "Who was his father?"
    asked = found["asked"].lower()
    person = pronoun in rules.person or pronoun.startswith(("they", "the"))
    if asked == "who" and not person:
        return False
    if asked == "what" and pronoun in rules.person:
        return False
    if possessive:
        return True
    return bool(rules.boundary and rules.boundary.search(rest))


def _with_noun(text: str, found: re.Match[str], code: str) -> str:
    """The pronoun, with the word after it where it may belong to that."""
    after = _WORD.match(text, found.end() + 1) if code != "zh" else None
    return _phrase(f"{found[0]} {after[0]}" if after else found[0])


def _phrase(text: str) -> str:
    return " ".join(text.split())
