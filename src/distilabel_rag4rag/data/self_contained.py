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
# Matches nowhere.
_NOTHING = "(?!)"
_HAN = re.compile(r"[\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
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
# "Which role did he play?": the role does not explain him.
_GERMAN_ASKED = re.compile(r"\b(?:welche[rsmn]?|viele?|was für eine?)\s$", re.I)
# "After he had died, what became of Tesla's papers?"
_FIRST_CLAUSE = re.compile(
    r"^(?:after|before|when|while|as|since|until|once|in|during|with|despite|although|though|because|if|at|on|for)\b",
    re.I,
)


class _Language(NamedTuple):
    """The entries of one language as patterns; what they mean stands in the file."""

    code: str
    function: frozenset[str]
    passage: re.Pattern[str]
    unless_named: re.Pattern[str]
    expletive: re.Pattern[str]
    pronoun: re.Pattern[str]
    possessive: re.Pattern[str]
    person: frozenset[str]
    #: A word that articles or auxiliaries stand before; None where any word counts.
    noun: re.Pattern[str] | None
    #: "the name of", before a possessive: the noun is the pronoun's, and does not explain it.
    tied: re.Pattern[str]
    #: The same, or "the first film", before another pronoun: "the first film she made".
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
        return found[0]
    for found in rules.unless_named.finditer(text):
        if not _has_name(text[: found.start()], rules):
            return found[0]
    # What stands for nothing is hidden, so that places in the text stay as they are.
    masked = rules.expletive.sub(lambda match: "\x00" * len(match[0]), text)
    for found in rules.pronoun.finditer(masked):
        is_acronym = found[0].isupper() and not text.isupper() and len(found[0]) > 1  # "IT"
        if not is_acronym and not _explained(text, found, rules):
            return _with_next_word(text, found, rules)
    return None


def language_of(text: str) -> str | None:
    """The language with most of the text's words among its function words, None without any."""
    if _HAN.search(text):
        return None if _KANA.search(text) else "zh"
    words = [word.lower() for word in _WORD.findall(text)]
    counts = {code: sum(word in _rules(code).function for word in words) for code in LANGUAGES}
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] else None


@cache
def _rules(code: str) -> _Language:
    own = _WORDS[code]

    def pattern(*keys: str, whole_words: bool = code != "zh") -> re.Pattern[str]:
        body = "|".join(entry for key in keys for entry in own[key]) or _NOTHING
        return re.compile(rf"(?<!\w)(?:{body})(?!\w)" if whole_words else body, re.I)

    def words(*keys: str) -> str:
        return "|".join(re.escape(word) for key in keys for word in own[key]) or _NOTHING

    def before_word(*keys: str) -> str:
        return rf"(?<!\w)(?:{words(*keys)})(?:\s|(?<='))"

    phrase = rf"{before_word('articles')}(?:[\w'-]+ ){{1,4}}?"
    tie = rf"(?:{words('of')})(?:\s|(?<='))"
    noun = rf"{before_word('articles', 'auxiliaries')}(?=(?P<noun>[^\W\d_][\w-]*))"
    clause = [rf"\b{word}\b" if word.isalpha() else re.escape(word) for word in own["boundary"]]
    return _Language(
        code,
        frozenset(own["function"]),
        pattern("passage"),
        pattern("unless_named"),
        pattern("expletive", whole_words=False),
        pattern("subject", "possessive"),
        pattern("possessive"),
        frozenset(own["person"]),
        None if own["articles"] == ["*"] else re.compile(noun, re.I),
        re.compile(rf"(?:{phrase}{tie})+$", re.I),
        re.compile(rf"(?:{phrase}(?:{tie})?)+$", re.I),
        re.compile("|".join(clause), re.I) if clause else None,
    )


def _has_name(before: str, rules: _Language, person: bool = False) -> bool:
    """Whether a name, a quotation or (in German) any noun stands in the text.

    Args:
        before: the text.
        rules: of its language.
        person: leave out names that say where or when.
    """
    if _QUOTED.search(before):
        return True
    if rules.code == "zh":
        known = re.compile("|".join(sorted(rules.function, key=len, reverse=True)))
        return len(_HAN.findall(known.sub("", before))) >= 2
    for found in _WORD.finditer(before):
        word, start = found[0], before[: found.start()]
        if (
            word[0].isupper()
            and word.lower().removesuffix("'s") not in rules.function
            and word.lower() not in rules.function
            and not rules.pronoun.fullmatch(word)
            and not (person and _PLACED.search(start))
            and not (rules.code == "de" and _GERMAN_ASKED.search(start))
        ):
            return True
    return False


def _explained(text: str, pronoun: re.Match[str], rules: _Language) -> bool:
    """Whether something in the question says what the pronoun stands for."""
    before, after = text[: pronoun.start()], text[pronoun.end() :]
    said = pronoun[0].lower()
    possessive = rules.possessive.fullmatch(said) is not None
    if rules.noun is None:
        words = [word.lower() for word in _WORD.findall(before) if len(word) >= 4]
        is_noun = rules.code != "zh" and any(word not in rules.function for word in words)
        return is_noun or _has_name(before, rules)
    free = (rules.tied if possessive else rules.tied_or_beside).sub("", before)
    if rules.code == "de":
        return _has_name(free, rules)
    if _has_name(before, rules, said in rules.person):
        return True
    if rules.code == "en" and _is_asked_for(before, said, possessive, rules):
        return True
    main_clause = after.partition(",")[2]
    if main_clause and _FIRST_CLAUSE.search(text) and _has_name(f". {main_clause}", rules):
        return True
    return _has_noun(before, free, possessive, rules)


def _has_noun(before: str, free: str, possessive: bool, rules: _Language) -> bool:
    """Whether a noun explains the pronoun: in another clause, or in its own a possessive."""
    assert rules.noun is not None
    for noun in rules.noun.finditer(free):
        word = noun["noun"].lower()
        if word not in rules.function and not rules.pronoun.fullmatch(word):
            in_other_clause = rules.boundary and rules.boundary.search(before, noun.end())
            return bool(possessive or rules.boundary is None or in_other_clause)
    return False


def _is_asked_for(before: str, pronoun: str, possessive: bool, rules: _Language) -> bool:
    """Whether the pronoun stands for what the question asks for, its subject."""
    found = _ASKED.search(before.strip())
    if not found:
        return False
    asked, verb, rest = (found[name].lower().strip() for name in ("asked", "verb", "rest"))
    if not rest and verb in rules.function and verb not in ("has", "have", "had"):
        return False  # "Who was his father?"
    may_be_person = pronoun in rules.person or pronoun.startswith("the")
    if asked == "who" and not may_be_person:
        return False
    if asked == "what" and pronoun in rules.person:
        return False
    return possessive or bool(rules.boundary and rules.boundary.search(rest))


def _with_next_word(text: str, found: re.Match[str], rules: _Language) -> str:
    """The pronoun, with the word after it, which may belong to it."""
    after = _WORD.match(text, found.end() + 1) if rules.code != "zh" else None
    return f"{found[0]} {after[0]}" if after else found[0]
