"""Writes what happens to every label file of ``shared/data/formats`` into config/formats.md.

Run from the root: ``python tests/labels/make_format_table.py``. A test compares the page with a fresh run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from posewright.errors import InputError
from posewright.labels.digest import labels_digest
from posewright.labels.read import read_labels

PAGE = Path(__file__).resolve().parents[2] / "config" / "formats.md"
BEGIN, END = "<!-- generated: fixtures -->", "<!-- end: fixtures -->"
SUFFIXES = (".json", ".csv", ".h5", ".nwb", ".slp", ".yaml")
#: Kinds that are refused as a person's labels, and tried once more as a model's.
PREDICTIONS = (".h5", ".nwb")


def fixtures(root: Path) -> list[Path]:
    """Return every label file below the folder, sorted."""
    return sorted(path for path in root.rglob("*") if path.suffix in SUFFIXES)


def outcome(path: Path, root: Path, source: str) -> str:
    """Return what reading a file comes to, in words; anything but success and a sentence goes through."""
    try:
        labels = read_labels([path], sources=[source])
        labels_digest(path)
    except InputError as fault:
        return "refused: " + str(fault).replace(f"{root}{os.sep}", "").replace("|", "\\|")
    counts = f"{len(labels.frames)} frames, {labels.n_instances} instances, {len(labels.skeleton.nodes)} nodes"
    found = sum(video.source is not None for video in labels.videos)
    also = f", {len(labels.negatives)} frames without animals" if labels.negatives else ""
    return f"{counts}, {len(labels.track_names)} tracks{also}; {found} of {len(labels.videos)} videos there"


def table(root: Path) -> str:
    """Return the table of all fixtures in Markdown."""
    lines = ["| file | label source | what happened |", "| --- | --- | --- |"]
    for path in fixtures(root):
        for source in ("human", "model") if path.suffix in PREDICTIONS else ("human",):
            lines.append(f"| `{path.relative_to(root).as_posix()}` | {source} | {outcome(path, root, source)} |")
    return "\n".join(lines)


def with_table(page: str, root: Path) -> str:
    """Return the page with the table between its marks replaced."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{PAGE} lacks the marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table(root)}\n\n{END}{after}"


if __name__ == "__main__":
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    data = Path(os.environ.get("POSEWRIGHT_DATA", default))
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), data / "formats"), encoding="utf-8")
    sys.exit(0)
