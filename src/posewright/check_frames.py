"""Whether labelled frames are what they say: by counting, by seeking, and in the images that labels carry."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from posewright.findings import Findings
from posewright.labels.model import VideoRef
from posewright.samples.identity import WINDOW_FRAMES, Offsets, by_handle, compare_frames, sampled, seeking
from posewright.samples.sources.base import reencode_command
from posewright.samples.sources.film import Film
from posewright.samples.video import VideoFault, source_of

FrameCheck = Literal["error", "report", "off"]


def check_frame_identity(
    video: VideoRef, frames: list[int], how: FrameCheck, where: str, findings: Findings
) -> dict[str, Any]:
    """Compare some labelled frames of a video; an offset is a finding that names it.

    Args:
        video: the labelled video.
        frames: its labelled frames, ascending.
        how: whether an offset is an error or only stands in the facts.
        where: how the video is named in findings.
        findings: what is wrong so far.

    Returns:
        What was compared, and way -> frame -> offset (null: it shows no frame nearby).
    """
    if how == "off":
        return {"compared": [], "why_not": "frame_check is off"}
    film = _film(video)
    if film is None:
        return {"compared": [], "why_not": "there is no film to compare with"}
    chosen = sampled(frames)
    if not chosen:
        return {"compared": [], "why_not": f"the first labelled frame, {frames[0]}, lies too far from the beginning"}
    ways = {"embedded": by_handle(video.handle)} if video.handle is not None else {}
    by_seeking = seeking(film)
    if by_seeking is not None:
        ways["seeking"] = by_seeking
    try:
        offsets = compare_frames(film, chosen, ways)
    except VideoFault as fault:  # a film that is needed is probed by itself, and its fault told there
        return {"compared": [], "why_not": fault.message}
    for way, found in offsets.items():
        if how == "error" and _is_off(way, found):
            findings.add(where, _sentence(way, found), _remedy(way, film))
    return {
        "compared": chosen,
        **{way: {str(frame): o for frame, o in found.items()} for way, found in offsets.items()},
    }


def _film(video: VideoRef) -> Path | None:
    """Return the film that a labelled video is or was taken from; None if it is none, or is not here."""
    path = video.source if video.handle is None else video.original
    try:
        return path if path is not None and isinstance(source_of(path), Film) else None
    except VideoFault:
        return None


def _is_off(way: str, offsets: Offsets) -> bool:
    """Return whether a way leads elsewhere: by seeking for any frame, in compressed images for most."""
    wrong = sum(offset != 0 for offset in offsets.values())
    return wrong > (0 if way == "seeking" else len(offsets) // 2)


def _sentence(way: str, offsets: Offsets) -> str:
    shown = "seeking, as SLEAP does, shows" if way == "seeking" else "the image embedded in the labels shows"
    each = [f"for frame {frame} {_name(frame, offset)}" for frame, offset in offsets.items() if offset != 0]
    amounts = set(offsets.values())
    alike = next(iter(amounts)) if len(amounts) == 1 else None
    by = f" (an offset of {alike:+d} in every frame compared)" if alike is not None else ""
    return f"counted from the beginning, frames are not what the labels mean: {shown} {', '.join(each)}{by}"


def _name(frame: int, offset: int | None) -> str:
    return f"none within {WINDOW_FRAMES} frames" if offset is None else f"frame {frame + offset}"


def _remedy(way: str, film: Path) -> str:
    if way == "seeking":
        return (
            "save the labels in SLEAP as .pkg.slp and name that file, for it embeds what you saw; and re-encode the "
            f"video, so that all readers agree: {reencode_command(film)}; if the labels fit all the same, set "
            "`frame_check: report` for this data set"
        )
    return (
        f"{film} is not the video as it was labelled (cut or encoded again?): give the original in video_paths, or set "
        "`frame_check: report` if only the embedded images matter"
    )
