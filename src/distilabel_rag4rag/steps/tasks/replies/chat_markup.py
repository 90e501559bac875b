"""What a chat model and its template write around a message: reasoning, turns, channels.

The tags differ from model to model (`<think>`, `[THINK]`, `<|START_THINKING|>`, `<seed:think>`,
`◁think▷`, `<|channel|>analysis`, …), so they are recognised by their shape and the words in their
names, not by a list. Where reasoning was not ended, no answer was reached.
"""

import html
import re
from typing import Literal, NamedTuple

from distilabel_rag4rag.schema import NOT_UNDERSTOOD, NOTHING_LEFT, ONLY_REASONING
from distilabel_rag4rag.steps.tasks.replies.languages import kind_of, pattern
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError
from distilabel_rag4rag.utils.text import INVISIBLE, clean_text

_INVISIBLE = re.compile(f"[{INVISIBLE}]")
# Joiners mean something between letters alone.
_JOINER = re.compile("(?<![^\\s])[\u200c\u200d\ufe00-\ufe0f]+|[\u200c\u200d]+(?![^\\s])")

_NAME = r"[^\W\d][\w:.\-]{0,60}"
_MARKUP = re.compile(
    rf"""
      <\s{{0,2}}(?P<slash>\\?/)?\s{{0,2}}(?P<bar>\|)?(?P<slash2>/)?(?P<name>{_NAME})
      (?P<rest>(?:\s[^<>|]{{0,200}}|/)?)(?P<bar2>\|)?>
    | ◁(?P<slash3>/)?(?P<name3>{_NAME})▷
    | \[(?P<slash4>/)?(?P<bar4>\|)?(?P<name4>{_NAME})\|?\]
    | [|{{(](?P<slash5>/)?(?P<name5>(?:start|end)?_?(?:think(?:ing)?|thoughts?|reasoning))[|}})]
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NAMES = ("name", "name3", "name4", "name5")
_SLASHES = ("slash", "slash2", "slash3", "slash4", "slash5")
_ESCAPED_TAG = re.compile(r"&lt;(\\?/?\s?\|?[\w:.\-]{1,60}\|?)&gt;")

# "think" may end a word (`antthinking`), the others begin one: `<winner>` holds no inner thoughts.
_REASONING = re.compile(rf"think|thought|(?:^|_)(?:{pattern('reasoning')})")
_REASONING_WORDS = {"cot", "plan", "step", "steps", "details", "notes", "chain"}
_ANSWER_WORDS = {"response", "output", "solution", "result", "reply", "final", "conclusion", "box"}
_BRACKETED_REASONING = re.compile(
    "think|thinking|thoughts?|reasoning|reflection|analysis|scratchpad"
)
_ENDS = re.compile(
    r"(?:^|_)(?:end|ends|stop|close|suffix|eot|eos|eom|eop|endof\w+|return|call)(?:_|$)|^end"
)
_END_NAME = re.compile(r"eos|eot|eom|eop|end_of_\w+|endof\w+|seed_eos|end")
_HEADER_END = {"end_header_id", "end_of_role", "im_sep", "im_middle", "message"}
_START = {
    "im_start", "start_header_id", "start", "start_of_turn", "turn", "start_of_turn_token", "bos",
    "begin_of_text", "begin_of_sentence", "start_of_role", "s", "sop", "startoftext", "gmask",
    "seed_bos", "system_prompt", "sys", "startofturn",
}  # fmt: skip
_UNSPOKEN = {"pad", "unk", "sep", "cls", "mask", "blank", "fim_middle", "fim_suffix", "fim_prefix"}
_UNUSED = re.compile(r"^(?:unused|reserved|extra_id|(?:reserved_)?special_token)_?\d+$")
_USER = {"user", "human", "system", "developer", "tool", "function", "ipython", "observation",
         "environment", "inst", "prompt", "用户", "user_token", "system_token"}  # fmt: skip
_BRACKETS = {"inst", "system_prompt", "sys", "bos", "eos", "pad", "unk", "sep", "cls", "gmask",
             "answer", "response", "output", "solution"}  # fmt: skip
_ASSISTANT = {"assistant", "model", "ai", "bot", "chatbot", "gpt", "chatbot_token"}
# The role of a turn whose marks were taken off: "assistant" in a line of its own.
_BARE_ROLE = re.compile(r"\A(?:assistant|model|system|bot|text|plaintext)\s*\n+(?=\s*\S)")
_NUMBER = re.compile(r"^\d{1,2}[.)]$")  # of a list whose item is in the next turn
_ROLE_LINE = re.compile(
    r"\s{0,3}(assistant|model|ai|bot|user|human|system|developer|tool|function|ipython|observation)"
    r"(?:\s*:)?[^\S\n]*(?:\n|$)",
    re.IGNORECASE,
)
# Roles whose tokens were left out.
_PLAIN_ROLE = re.compile(r"(?:^|(?<=\n))(user|assistant)[^\S\n]*\n")
_HEADER = re.compile(r"\s*(\w{1,20})(?:\s+to=(\w{1,40}))?\s*")
# `<s>` begins a text for Llama 2, and strikes one out in HTML.
_STRUCK_OUT = re.compile(r"<s>[^<>\n]{1,200}</s>[^\S\n]*[^\s<\[]")
# Llama 3's next turn, where its special tokens were left out: "Torgau.assistant\n\n…".
_GLUED_ROLE = re.compile(r"(?<=\S)(?<![_\-/])assistant\s*\n\n|(?<=[.!?])assistant\s*\n")
_CUT_OFF = re.compile(r"<(?:\|[\w▁]{0,40}\|?|/[\w:▁]{0,40})$|&lt;/?\w{0,20}$")
_MINIMAX_TURN = re.compile(r"\[e~\[|\]~!?b[\[\]](?:ai|user|system|tool)?")
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")

# Granite 3.2 has no tags for its thoughts.
_THOUGHTS = re.compile(
    r"\s*here(?:['’]s| is) my (?:thought process|thinking|reasoning)\b", re.IGNORECASE
)
_RESPONSE = re.compile(r"here(?:['’]s| is) my (?:final )?(?:response|answer)\s*:", re.IGNORECASE)
# gpt-oss, where its special tokens were left out: "analysisWe need … assistantfinalTorgau".
_BARE_ANALYSIS = re.compile(r"\s*(?:assistant\s*)?(?:analysis|commentary)(?=[A-Z\"'“])")
_BARE_FINAL = re.compile(r"assistant\s*final")

# Where reasoning stood, and a token of unknown use; `clean_text` leaves none of these in a text.
_BREAK, _UNKNOWN = "\x00", "\x01"

Kind = Literal["open", "close", "answer", "answer end", "start", "header end", "end", "user",
               "assistant", "unknown", "text"]  # fmt: skip


class _Token(NamedTuple):
    start: int
    end: int
    kind: Kind


def visible(text: str) -> str:
    """The text without what is invisible: control characters, zero-width and filler letters."""
    text = _INVISIBLE.sub("", clean_text(text)).replace("\xa0", " ").replace("\u2028", "\n")
    return _JOINER.sub("", text.replace("\u2029", "\n")).strip()


def message_of(reply: str) -> str:
    """The message of a reply: what the model says once its reasoning and all markup is off.

    Tags that say where the answer is (`<|begin_of_box|>`, `[ANSWER]`) become `<answer>`.

    Args:
        reply: the LLM's text.

    Raises:
        NoAnswerError: if nothing but reasoning or nothing at all is left, or the markup is in no
            order that is understood.
    """
    text = visible(reply)
    text = text.replace("｜", "|").replace("▁", "_") if "<｜" in text else text
    text = re.sub(r"(?:<0x[0-9A-Fa-f]{2}>)+", "\n", text)  # bytes that were not put together
    text = _ESCAPED_TAG.sub(lambda found: f"<{html.unescape(found[1])}>", text)
    text = _MINIMAX_TURN.sub("<|end|>", _CUT_OFF.sub("", text))
    if "<|channel|>" in text:
        text = _final_channel(text)
    text = _without_reasoning(_untagged_reasoning(text))
    message = _first_turn(text)
    if message is None:
        raise NoAnswerError(ONLY_REASONING if _BREAK in text else NOTHING_LEFT)
    return _BARE_ROLE.sub("", message)


def has_word(text: str) -> bool:
    """Whether there is a letter or a digit in a text."""
    return any(letter.isalnum() for letter in text)


def _kind(found: re.Match[str]) -> Kind:
    """What a tag is for, by its shape and the words in its name."""
    name = next(found[key] for key in _NAMES if found[key])
    slash = any(found[key] for key in _SLASHES)
    bars = bool(found["bar"] or found["bar2"])
    bracket = found["name4"] is not None
    rest = (found["rest"] or "").strip()
    if bars and bool(found["bar"]) != bool(found["bar2"]):  # Gemma 4: <|channel> … <channel|>
        slash = not found["bar"]
        if name == "channel":
            return "close" if slash else "open"
        if name == "turn":
            return "end" if slash else "start"
    flat = re.sub(r"(?<=[a-z])(?=[A-Z])|[:.\-\s]+", "_", name).lower()
    parts = set(flat.split("_"))
    if not bars and rest[-1:] == "/" and not slash:
        return "unknown" if _REASONING.search(flat) else "text"
    if flat in _HEADER_END and bars:
        return "header end"
    if flat in ("unused16", "unused17"):  # Pangu's reasoning
        return "open" if flat == "unused16" else "close"
    ends = slash or bool(_ENDS.search(flat))
    if _REASONING.search(flat) or parts & _REASONING_WORDS:
        if bracket and not _BRACKETED_REASONING.fullmatch(flat):
            return "text"
        return "close" if ends else "open"
    if bracket and not (found["bar4"] or flat in _BRACKETS or _UNUSED.match(flat)):
        return "text"
    special = bars or bracket or found["name3"] is not None
    if not special and _in_a_sentence(found):
        return "end" if _END_NAME.fullmatch(flat) or (flat == "s" and slash) else "text"
    if flat == "inst":
        return "assistant" if slash else "user"
    if flat in _START:
        return "end" if slash else "start"
    if flat in _UNSPOKEN or _UNUSED.match(flat):
        return "unknown"
    if special and (parts & _ANSWER_WORDS or any(kind_of(part) == "answer" for part in parts)):
        return "answer end" if ends else "answer"
    if flat in _USER or flat.removeprefix("im_") in _USER:
        return "user" if special or not slash else "end"
    if flat in _ASSISTANT or flat.removeprefix("im_") in _ASSISTANT:
        return "end" if slash else "assistant"
    if special or _END_NAME.fullmatch(flat):
        return "end" if ends else "unknown"
    return "text"


def _in_a_sentence(found: re.Match[str]) -> bool:
    """Whether a tag without bars is part of what is said: "ssh <user>@host", "/home/<user>"."""
    before = found.string[max(0, found.start() - 1) : found.start()]
    return not (before in ("", "\n", ">", ".", "!", "?") or before.isalnum())


def _tokens(text: str) -> list[_Token]:
    found = (_Token(*match.span(), _kind(match)) for match in _MARKUP.finditer(text))
    return [token for token in found if token.kind != "text"]


def _final_channel(text: str) -> str:
    """The message in the final channel of OpenAI's harmony format."""
    for part in text.split("<|channel|>")[1:]:
        header, _, body = part.partition("<|message|>")
        if header.split()[:1] == ["final"]:
            return _CHANNEL_END.split(body, maxsplit=1)[0]
    raise NoAnswerError(ONLY_REASONING)


def _untagged_reasoning(text: str) -> str:
    if _BARE_ANALYSIS.match(text) or _BARE_FINAL.match(text):
        *_, last = _BARE_FINAL.split(text)
        if last == text:
            raise NoAnswerError(ONLY_REASONING)
        return last
    if _THOUGHTS.match(text):
        found = _RESPONSE.search(text)
        if found is None:
            raise NoAnswerError(ONLY_REASONING)
        return text[found.end() :]
    if text.startswith("thought\n"):  # Gemma 4's channel without its marks
        raise NoAnswerError(ONLY_REASONING)
    return text


def _without_reasoning(text: str) -> str:
    """The text with each stretch of reasoning replaced by a break.

    An end without a beginning ends a stretch that began in the prompt. Blocks may stand in one
    another; where that leaves one open, a tag inside of it was only talked about.
    """
    marks = [token for token in _tokens(text) if token.kind in ("open", "close")]
    if not marks:
        return text
    kept, unfinished = _outside(text, marks, nested=True)
    if unfinished:
        kept, unfinished = _outside(text, marks, nested=False)
    message = _BREAK + _BREAK.join(kept)
    # Reasoning that was cut off ends a reply, unless it is in a later turn.
    if unfinished and not any(token.kind == "end" for token in _tokens(message)):
        raise NoAnswerError(ONLY_REASONING)
    return message


def _outside(text: str, marks: list[_Token], nested: bool) -> tuple[list[str], bool]:
    """The stretches outside of reasoning, and whether the last block was left open."""
    kept: list[str] = []
    depth = position = 0
    for mark in marks:
        if mark.kind == "open":
            if depth == 0:
                kept.append(text[position : mark.start])
            depth = depth + 1 if nested else 1
        else:
            if depth == 0:
                kept = [""]
            depth = max(0, depth - 1)
        position = mark.end
    if depth == 0:
        kept.append(text[position:])
    return kept, depth > 0


def _first_turn(text: str) -> str | None:
    """The first turn of the assistant that says something; what follows is another turn's."""
    if _STRUCK_OUT.search(text):
        raise NoAnswerError(NOT_UNDERSTOOD)
    text = _GLUED_ROLE.split(text, maxsplit=1)[0]
    roles: list[str | None] = ["assistant"]
    turns = [""]
    position = 0
    plain = [_Token(*found.span(), _role(found[1])) for found in _PLAIN_ROLE.finditer(text)]
    for token in sorted(_tokens(text) + plain):
        if token.start < position:  # in a header that is read already
            continue
        turns[-1] += text[position : token.start]
        position = token.end
        match token.kind:
            case "user" | "assistant":
                roles.append(token.kind)
                turns.append("")
            case "end":
                roles.append(None)
                turns.append("")
            case "start":
                header = _ROLE_LINE.match(text, position)
                roles.append(
                    _role(header[1]) if header else None if has_word(turns[-1]) else roles[-1]
                )
                turns.append("")
                position = header.end() if header else position
            case "header end":
                if header := _HEADER.fullmatch(turns[-1]):
                    roles[-1] = "user" if header[2] == "self" else _role(header[1])
                    turns[-1] = ""
            case "answer":
                turns[-1] += "<answer>"
            case "answer end":
                turns[-1] += "</answer>"
            case "unknown":
                turns[-1] += _UNKNOWN
    turns[-1] += text[position:]
    said = [(role, _last_part(turn)) for role, turn in zip(roles, turns, strict=True)]
    for wanted in ("assistant", None):
        for role, message in said:
            if role == wanted and message:
                if _UNKNOWN in message:
                    raise NoAnswerError(NOT_UNDERSTOOD)
                return message
    return None


def _role(name: str) -> Literal["user", "assistant"]:
    return "assistant" if name.lower() in _ASSISTANT else "user"


def _last_part(turn: str) -> str:
    """What is said after the last reasoning, or before it where nothing follows."""
    parts = [part.strip(f"{_UNKNOWN} \t\n") for part in turn.split(_BREAK)]
    spoken = [part for part in parts if has_word(part)]
    # A number alone is that of a list whose item is elsewhere, unless it is all there is.
    return next((part for part in reversed(spoken) if not _NUMBER.match(part)), "".join(spoken[:1]))
