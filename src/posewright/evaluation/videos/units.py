"""Which predicted videos are independent of each other, as the sheet tells (``comparison.md`` rule 3)."""

from __future__ import annotations

from collections.abc import Sequence

from posewright.config.sheet import VideoRow


def units_of_rows(rows: Sequence[VideoRow]) -> tuple[str, dict[str, str]]:
    """Return the kind of the highest unit that all rows declare (animal, session or video), and each video's unit.

    Videos that share an animal are one unit, named by the first of their animals.
    """
    if rows and all(row.animals for row in rows):
        groups: list[set[str]] = []
        for row in rows:
            touching = [group for group in groups if group & set(row.animals)]
            groups = [group for group in groups if group not in touching]
            groups.append(set(row.animals).union(*touching))
        return "animal", {row.video: min(group) for row in rows for group in groups if group & set(row.animals)}
    if rows and all(row.session for row in rows):
        return "session", {row.video: str(row.session) for row in rows}
    return "video", {row.video: row.video for row in rows}
