"""Documents -> chunks of a bounded number of tokens, cut where sections and sentences end."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from distilabel_rag4rag.data.identity import passage_id
from distilabel_rag4rag.data.readers.documents import Document
from distilabel_rag4rag.data.words import pieces_of, sentences_of

#: Where the tokens of a text begin and end, as a fast tokenizer of transformers gives them.
Tokenize = Callable[[str], Sequence[tuple[int, int]]]

#: The longest passage, where nothing else is asked for.
MAX_TOKENS = 256
#: Characters per token at most. WordPiece takes a long run without spaces for one token.
CHARACTERS_PER_TOKEN = 8


@dataclass(frozen=True)
class Chunk:
    """A passage of a document.

    Attributes:
        passage_id: hash of the text: the same passage has the same id wherever it stands.
        document_id: of its document.
        title: of its document, or None.
        heading_path: the headings above it, the outermost first.
        text: `document.text[start:end]`.
        start: its first character in the document's text.
        end: the character after its last.
        tokens: how many it has, special tokens not counted.
    """

    passage_id: str
    document_id: str
    title: str | None
    heading_path: tuple[str, ...]
    text: str
    start: int
    end: int
    tokens: int


@dataclass(frozen=True)
class _Piece:
    """A stretch of text that is not cut: a sentence, a row, a line of code, or a whole block."""

    start: int
    end: int
    heading_path: tuple[str, ...]
    is_heading: bool = False


def chunk_document(
    document: Document, tokenize: Tokenize, max_tokens: int = 256, overlap: int = 0
) -> list[Chunk]:
    """Cuts a document into chunks.

    A chunk ends where a section, a block, or else a sentence ends; a heading stands with the text
    under it; code blocks and rows of tables are cut only where they are longer than a chunk. Text
    without spaces is cut at characters. White space between chunks belongs to none of them.

    Args:
        document: the document.
        tokenize: text -> the offsets of its tokens, without special tokens.
        max_tokens: the longest chunk.
        overlap: tokens of the end of a chunk that the next one of the same section begins with,
            in whole pieces.
    """
    text = document.text
    measure = _Measure(text, tokenize)
    pieces = [
        part for piece in _pieces(document) for part in _fitting(piece, text, measure, max_tokens)
    ]
    chunks = []
    for group in _packed(pieces, text, measure, max_tokens, overlap):
        start, end = _trimmed(text, group[0].start, group[-1].end)
        if start == end:
            continue
        body = next((p for p in group if not p.is_heading), group[-1])
        content = text[start:end]
        chunks.append(
            Chunk(
                passage_id(content),
                document.document_id,
                document.title,
                body.heading_path,
                content,
                start,
                end,
                measure.tokens(start, end),
            )
        )
    return chunks


class _Measure:
    """Tokens between two positions of a text that was tokenized once."""

    def __init__(self, text: str, tokenize: Tokenize) -> None:
        spans = [(start, end) for start, end in tokenize(text) if end > start]
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]

    def tokens(self, start: int, end: int) -> int:
        """A token that is cut counts on both sides."""
        return bisect_left(self._starts, end) - bisect_right(self._ends, start)

    def size(self, start: int, end: int) -> int:
        """Tokens, or what as many characters are taken for."""
        return max(self.tokens(start, end), -(-(end - start) // CHARACTERS_PER_TOKEN))


def _pieces(document: Document) -> Iterator[_Piece]:
    if not document.markdown:
        yield from (_Piece(start, end, ()) for start, end in _paragraphs(document.text))
        return
    path: list[tuple[int, str]] = []
    for token, start, end in _blocks(document.text):
        if token.type == "heading_open":
            level = int(token.tag[1])
            title = " ".join(document.text[start:end].strip("#=- \t\n").split())
            path = [item for item in path if item[0] < level]
            yield _Piece(start, end, tuple(text for _, text in path), is_heading=True)
            path.append((level, title))
        else:
            yield _Piece(start, end, tuple(text for _, text in path))


def _blocks(text: str) -> Iterator[tuple[Token, int, int]]:
    """The outermost blocks of Markdown with their places."""
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    parser = MarkdownIt("commonmark").enable("table")
    for token in parser.parse(text):
        if token.level == 0 and token.map:
            first, last = token.map
            yield token, lines[first], lines[min(last, len(lines) - 1)]


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for part in text.split("\n\n"):
        if part.strip():
            yield start, start + len(part)
        start += len(part) + 2


def _fitting(piece: _Piece, text: str, measure: _Measure, limit: int) -> Iterator[_Piece]:
    """The piece, or its lines, sentences or, at last, stretches of characters that fit."""
    if measure.size(piece.start, piece.end) <= limit:
        yield piece
        return
    content = text[piece.start : piece.end]
    for cut in (_lines, _sentences, _halves, pieces_of, list):
        parts = cut(content)
        if len(parts) > 1:
            break
    start = piece.start
    for part in parts:
        inner = _Piece(start, start + len(part), piece.heading_path, piece.is_heading)
        yield from _fitting(inner, text, measure, limit)
        start = inner.end


def _lines(text: str) -> list[str]:
    """Lines of code, rows of a table, items of a list; prose that was wrapped is not cut here."""
    lines = text.splitlines(keepends=True)
    wrapped = sum(
        not line.lstrip().startswith(("|", "-", "*", "+", "```", "~~~")) for line in lines
    )
    fenced = text.lstrip().startswith(("```", "~~~")) or text.startswith(("    ", "\t"))
    return lines if fenced or wrapped < len(lines) / 2 else [text]


def _sentences(text: str) -> list[str]:
    return list(sentences_of(text))


def _halves(text: str) -> list[str]:
    """Halves, cut at the white space nearest to the middle."""
    middle = len(text) // 2
    left, right = text.rfind(" ", 1, middle), text.find(" ", middle, len(text) - 1)
    places = [place for place in (left, right) if place > 0]
    if not places:
        return [text]
    place = min(places, key=lambda at: abs(at - middle)) + 1
    return [text[:place], text[place:]]


def _packed(
    pieces: list[_Piece], text: str, measure: _Measure, limit: int, overlap: int
) -> Iterator[list[_Piece]]:
    """Pieces that follow one another, together as long as they fit and the section goes on."""
    group: list[_Piece] = []
    waiting = deque(pieces)
    while waiting:
        piece = waiting.popleft()
        only_headings = bool(group) and all(p.is_heading for p in group)
        fits = not group or measure.size(group[0].start, piece.end) <= limit
        last = not any(not p.is_heading for p in (piece, *waiting))
        if only_headings and not fits:
            # Text is cut further, so that the headings do not stand alone.
            room = limit - measure.size(group[0].start, piece.start)
            parts = list(_fitting(piece, text, measure, room)) if room >= limit // 4 else [piece]
            if len(parts) > 1:
                waiting.extendleft(reversed(parts))
                continue
        if group and not (fits and (only_headings or not piece.is_heading or last)):
            if not only_headings:  # a heading without text is no passage
                yield group
            group = _repeated(group, piece, measure, limit, overlap)
        group.append(piece)
    if any(not piece.is_heading for piece in group):
        yield group


def _repeated(
    group: list[_Piece], following: _Piece, measure: _Measure, limit: int, overlap: int
) -> list[_Piece]:
    """The last pieces of a group with which the next one begins."""
    if overlap <= 0 or following.is_heading:
        return []
    kept: list[_Piece] = []
    for piece in reversed(group[1:]):
        fits = measure.size(piece.start, following.end) <= limit
        if piece.is_heading or not fits or measure.tokens(piece.start, group[-1].end) > overlap:
            break
        kept.insert(0, piece)
    return kept


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    content = text[start:end]
    return start + len(content) - len(content.lstrip()), end - len(content) + len(content.rstrip())
