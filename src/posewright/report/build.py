"""Build the report: read the results, write one page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from posewright.errors import InputError
from posewright.files import write_text
from posewright.report.answer import SIDE_WORDS, answer_blocks, banners, headline
from posewright.report.context import Context
from posewright.report.figure_files import write_figures
from posewright.report.figures import method_colour
from posewright.report.gather import gather
from posewright.report.page import Page, render
from posewright.report.sections import sections_of
from posewright.samples.store import FrameStore


def build_report(
    *,
    results: Path,
    side: str,
    status: Path | None,
    out: Path,
    store: Path,
    title: str,
    types: Mapping[str, str] = MappingProxyType({}),
    figures: Path | None = None,
) -> None:
    """Write the report on one dataset and one side of its split as a single HTML file.

    Whatever is missing from the results is stated on the page; the page is made in any case.

    Args:
        results: the dataset's folder, ``results/<dataset>``.
        side: ``val`` or ``test``.
        status: the table of all video states, or None where no videos were asked for.
        out: the page to write.
        store: ``store.json`` of the decoded frames.
        title: heading of the page, plain text.
        types: method -> its type in config.yaml, to tell what was suggested from what was not.
        figures: folder for the figures as files, of every method in ``types`` and of all together; None: none.
    """
    found = gather(Path(results), side, status)
    context = Context(found, types, _open_store(Path(store)), asked_of_videos=status is not None)
    page = Page(
        title=title,
        subtitle=f"Posewright report · dataset {found.dataset} · {SIDE_WORDS.get(side, side)} frames",
        banners=banners(found),
        answer=headline(found),
        answer_blocks=answer_blocks(found),
        sections=sections_of(context),
        methods=[(name, method_colour(place)) for place, name in enumerate(found.method_names)],
    )
    if figures is not None:
        write_figures(context, sorted(types), figures)
    write_text(out, render(page))


def _open_store(path: Path) -> FrameStore | None:
    """Return the frame store; None where it was purged, which costs the page its pictures and nothing else."""
    try:
        return FrameStore(path)
    except (InputError, OSError, KeyError, ValueError):
        return None
