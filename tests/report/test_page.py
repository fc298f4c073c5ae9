"""Text is data: whatever stands in a name is shown, not obeyed."""

from __future__ import annotations

from posewright.report.page import (
    Banner,
    Bullets,
    Cell,
    Column,
    Command,
    Figure,
    Gallery,
    Heading,
    Page,
    Section,
    Table,
    Text,
    Verdict,
    render,
)

EVIL = "\"><script>alert('x')</script>&{{ 7 * 7 }}"


def _page() -> Page:
    blocks = [
        Text(EVIL),
        Bullets(EVIL, [EVIL]),
        Verdict(EVIL, "good", EVIL),
        Table([Column(EVIL, EVIL)], [[Cell(EVIL, EVIL, sort=EVIL)]], EVIL),
        Table([Column(EVIL)], [], EVIL, folded=True),
        Gallery([Figure("data:image/png;base64,AA==", EVIL, EVIL, EVIL)], EVIL),
        Heading(EVIL, "#0072B2"),
        Command(EVIL),
    ]
    return Page(EVIL, EVIL, [Banner(EVIL, "warn")], EVIL, blocks, [Section("one", EVIL, EVIL, blocks)])


def test_markup_in_any_text_is_escaped() -> None:
    html = render(_page())
    assert html.count("<script") == html.count("</script") == 1
    assert "&lt;script&gt;" in html
    assert "{{ 7 * 7 }}" in html
    assert 'data-sort="&#34;&gt;' in html


def test_every_block_is_drawn() -> None:
    html = render(
        Page("t", "s", [], "answer", [], [Section("one", "One", "One", [Text("first"), Command("make demo")])])
    )
    assert html.startswith("<!DOCTYPE html>")
    assert '<section id="one">' in html
    assert "<code>make demo</code>" in html
