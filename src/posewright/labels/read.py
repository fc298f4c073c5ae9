"""Label files of several tools as one set of user instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from posewright.errors import InputError
from posewright.labels.dlc import is_dlc
from posewright.labels.find import Places
from posewright.labels.from_dlc import read_dlc_part
from posewright.labels.from_sleap_io import read_coco, read_slp
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.part import Identity, Part, require_same_nodes
from posewright.labels.skeleton import Skeleton


def read_labels(
    paths: Sequence[Path],
    *,
    video_paths: Sequence[Path] = (),
    path_map: Mapping[str, str] = MappingProxyType({}),
    skeleton: Sequence[str] | None = None,
) -> LabelSet:
    """Read label files and join them; frames of one video file share one `VideoRef`.

    Args:
        paths: ``.slp``, ``.pkg.slp``, DeepLabCut csv, project folder or config.yaml, or COCO json.
        video_paths: folders to look for videos in.
        path_map: old beginning of a video path -> new one.
        skeleton: order of the nodes; None for that of the first file.

    Raises:
        InputError: a file is missing or foreign, holds no user instance, has another skeleton than the first, or
            labels a frame that another file labels differently.
    """
    if not paths:
        raise InputError("No label file is named; give at least one in `labels`.")
    places = Places([Path(folder) for folder in video_paths], path_map)
    parts = [_read_part(Path(path), places) for path in paths]
    common = _common_skeleton(parts, skeleton)
    videos: dict[Identity, tuple[int, VideoRef]] = {}
    frames: dict[tuple[int, int], tuple[LabeledFrame, Path]] = {}
    for part in parts:
        index = [videos.setdefault(identity, (len(videos), video))[0] for identity, video in part.videos]
        for frame in _moved(part, common, index):
            known, file = frames.setdefault(frame.key, (frame, part.file))
            if known != frame:
                raise InputError(
                    f"Frame {frame.frame} of {list(videos.values())[frame.video][1].path} is labelled differently in "
                    f"{file} and {part.file}; remove it from one of them, or merge the files in the labelling tool."
                )
    references = tuple(video for _, video in videos.values())
    return LabelSet(common, references, tuple(frames[key][0] for key in sorted(frames)))


def read_side(path: Path) -> LabelSet:
    """Read a side of the split as `posewright.labels.split` wrote it: its videos are those stored, in their order.

    Two of them may bear one name (frames embedded in two label files), and what counts here is their number, which the
    frame store shares.
    """
    part = _read_part(path, Places([], {}))
    return LabelSet(part.skeleton, tuple(video for _, video in part.videos), tuple(part.frames))


def _read_part(path: Path, places: Places) -> Part:
    if not path.exists():
        raise InputError(f"{path}: the label file does not exist; correct the path.")
    suffix = path.suffix.lower()
    if suffix == ".slp":
        part = read_slp(path, places)
    elif is_dlc(path):
        part = read_dlc_part(path, places)
    elif suffix == ".json":
        part = read_coco(path)
    else:
        raise InputError(
            f"{path}: this kind of label file is not known; give .slp, .pkg.slp, a DeepLabCut csv or project, "
            "or COCO .json."
        )
    if not part.frames:
        raise InputError(
            f"{path}: the file holds no user instances (predictions do not count); "
            "label frames, or confirm predictions in the labelling tool, and save."
        )
    return part


def _common_skeleton(parts: Sequence[Part], order: Sequence[str] | None) -> Skeleton:
    """Return the first file's skeleton, its nodes in the configured order."""
    first = parts[0]
    for part in parts[1:]:
        require_same_nodes(first.skeleton, part.skeleton, str(first.file), str(part.file))
    if order is None:
        return first.skeleton
    require_same_nodes(
        Skeleton(tuple(order)), first.skeleton, "the dataset's `skeleton` in the config", str(first.file)
    )
    return first.skeleton.reordered(tuple(order))


def _moved(part: Part, skeleton: Skeleton, index: Sequence[int]) -> list[LabeledFrame]:
    """Return a part's frames with videos and nodes numbered as in the joined set."""
    columns = [part.skeleton.index(node) for node in skeleton.nodes]
    return [
        LabeledFrame(index[frame.video], frame.frame, frame.points[:, columns], frame.tracks) for frame in part.frames
    ]
