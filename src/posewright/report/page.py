"""The building blocks of the page, and the one function that turns them into a self-contained HTML file.

Text is data: jinja2 escapes every string, so a video called ``<script>`` is shown, not run. The page carries its style,
script and pictures inside; its content policy forbids the browser to fetch anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import ClassVar, Literal

import jinja2

TEMPLATES = Path(__file__).parent / "templates"

Tone = Literal["", "good", "bad", "warn", "quiet"]


@dataclass(frozen=True)
class Text:
    """A paragraph. The quiet tone is for explanations, ``warn`` for what is missing or limits the answer."""

    kind: ClassVar[str] = "text"
    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Bullets:
    """A short list of sentences under a heading of its own."""

    kind: ClassVar[str] = "bullets"
    heading: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Verdict:
    """One sentence of the answer with its verdict word."""

    kind: ClassVar[str] = "verdict"
    word: str
    tone: Tone
    text: str


@dataclass(frozen=True)
class Cell:
    """One cell of a table: a text, a small second line (its interval or denominator), and what it is sorted by.

    Attributes:
        spark: a series from 0 to 1 drawn as a small line in place of the text, which then is what it says in words; NaN
            leaves a gap.
        href: a file beside the page that the text leads to.
    """

    text: str
    note: str = ""
    sort: float | str | None = None
    tone: Tone = ""
    colour: str = ""
    spark: Sequence[float] | None = None
    href: str = ""

    @property
    def spark_lines(self) -> list[str]:
        """The points of each unbroken piece of the series, in a box of 100 x 20."""
        series = self.spark or ()
        step = 100 / max(len(series) - 1, 1)
        spots = [None if math.isnan(y) else f"{step * x:.0f},{19 - 18 * min(y, 1):.0f}" for x, y in enumerate(series)]
        pieces = [list(piece) for is_there, piece in groupby(spots, key=lambda spot: spot is not None) if is_there]
        return [" ".join(map(str, piece * 2 if len(piece) == 1 else piece)) for piece in pieces]


@dataclass(frozen=True)
class Column:
    """One column of a table; the note says what the numbers are counted over."""

    title: str
    note: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """A sortable table. A folded one is shown when its caption is opened.

    Attributes:
        methods: of each row the methods it is about; the page's reader may hide rows by method.
        searchable: a field above it filters the rows by their text.
    """

    kind: ClassVar[str] = "table"
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    folded: bool = False
    methods: Sequence[Sequence[str]] = ()
    searchable: bool = False


@dataclass(frozen=True)
class Figure:
    """A picture as a data URI, the words for those who cannot see it, its caption, and the method it is about."""

    source: str
    alt: str
    caption: str = ""
    title: str = ""
    method: str = ""


@dataclass(frozen=True)
class Gallery:
    """Figures side by side, one below the other on a narrow screen or where they are wide."""

    kind: ClassVar[str] = "gallery"
    figures: Sequence[Figure]
    heading: str = ""
    method: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Heading:
    """A heading within a section, with the colour of a method where it names one."""

    kind: ClassVar[str] = "heading"
    text: str
    colour: str = ""
    method: str = ""


@dataclass(frozen=True)
class Command:
    """Lines to type, or a text to copy (``prose``), which wraps."""

    kind: ClassVar[str] = "command"
    text: str
    prose: bool = False


Block = Text | Bullets | Verdict | Table | Gallery | Heading | Command


@dataclass(frozen=True)
class Section:
    """A part of the page; ``anchor`` is its address, ``short`` its word in the page's own menu."""

    anchor: str
    title: str
    short: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Banner:
    """A sentence above everything else."""

    text: str
    tone: Tone


@dataclass(frozen=True)
class Page:
    """The whole page; ``methods`` are the names and colours of what a reader may show or hide."""

    title: str
    subtitle: str
    banners: Sequence[Banner]
    answer: str
    answer_blocks: Sequence[Block]
    sections: Sequence[Section]
    methods: Sequence[tuple[str, str]] = ()


def render(page: Page) -> str:
    """Return the page as one HTML document that needs no other file."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(page=page)
