"""Build the report: read the results, write one page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from posewright.errors import InputError
from posewright.files import write_text
from posewright.labels.skeleton import Skeleton
from posewright.report.answer import SIDE_WORDS, answer_blocks, banners, headline, methods_section, pairs_section
from posewright.report.curves import curves_section, training_section
from posewright.report.data import split_section, videos_section
from posewright.report.examples import frames_section
from posewright.report.gather import Results, gather
from posewright.report.origin import origin_section
from posewright.report.page import Page, render
from posewright.report.proposal import proposal_section
from posewright.report.reasons import reasons_section
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
    """
    found = gather(Path(results), side, status)
    sections = [
        methods_section(found),
        pairs_section(found),
        proposal_section(found, types),
        reasons_section(found),
        curves_section(found),
        frames_section(found, _skeleton(found), _open_store(Path(store))),
        training_section(found),
        split_section(found),
        videos_section(found, asked=status is not None),
        origin_section(found),
    ]
    page = Page(
        title=title,
        subtitle=f"Posewright report · dataset {found.dataset} · {SIDE_WORDS.get(side, side)} frames",
        banners=banners(found),
        answer=headline(found),
        answer_blocks=answer_blocks(found),
        sections=[section for section in sections if section is not None],
    )
    write_text(out, render(page))


def _skeleton(results: Results) -> Skeleton | None:
    """Return the skeleton that the trained models carry."""
    for model in results.models:
        value = model.info.get("skeleton")
        if isinstance(value, dict) and "nodes" in value:
            return Skeleton.from_json(value)
    return None


def _open_store(path: Path) -> FrameStore | None:
    """Return the frame store; None where it was purged, which costs the page its pictures and nothing else."""
    try:
        return FrameStore(path)
    except (InputError, OSError, KeyError, ValueError):
        return None
