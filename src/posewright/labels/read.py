"""Label files of several tools as one set of user instances."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

from posewright.errors import InputError
from posewright.labels.find import Places, parts_of, shared_parts
from posewright.labels.foreign import kind_of
from posewright.labels.from_dlc import read_dlc_part
from posewright.labels.from_sleap_io import read_coco, read_nwb, read_predictions, read_slp
from posewright.labels.from_yolo import read_yolo
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.nodes import NodeNames, placed
from posewright.labels.part import Identity, Part
from posewright.labels.skeleton import Skeleton


def read_labels(
    paths: Sequence[Path],
    *,
    video_paths: Sequence[Path] = (),
    path_map: Mapping[str, str] = MappingProxyType({}),
    skeleton: Sequence[str] | None = None,
    node_map: Mapping[str, str | None] = MappingProxyType({}),
    missing_nodes: Sequence[str] = (),
    sources: Sequence[str] = (),
) -> LabelSet:
    """Read label files and join them; frames of one video file share one `VideoRef`.

    Args:
        paths: label files of any kind in `posewright.labels.foreign`.
        video_paths: folders to look for videos in.
        path_map: old beginning of a video path -> new one.
        skeleton: order of the nodes; None for that of the first file.
        node_map: name of a node in a file -> its name here, None to leave it out.
        missing_nodes: nodes that a file may lack.
        sources: ``label_source`` of each file; all ``human`` if empty.

    Raises:
        InputError: a file is missing or foreign, holds no user instance, has another skeleton than the first, or
            labels a frame that another file labels differently.
    """
    return join_parts(
        read_parts(
            paths,
            video_paths=video_paths,
            path_map=path_map,
            node_map=node_map,
            missing_nodes=missing_nodes,
            sources=sources,
        ),
        skeleton=skeleton,
        path_map=path_map,
        missing_nodes=missing_nodes,
    )


def read_parts(
    paths: Sequence[Path],
    *,
    video_paths: Sequence[Path] = (),
    path_map: Mapping[str, str] = MappingProxyType({}),
    node_map: Mapping[str, str | None] = MappingProxyType({}),
    missing_nodes: Sequence[str] = (),
    sources: Sequence[str] = (),
) -> list[Part]:
    """Read label files one by one; the arguments are those of `read_labels`."""
    if not paths:
        raise InputError("No label file is named; give at least one in `labels`.")
    places = Places([Path(folder) for folder in video_paths], path_map)
    names = NodeNames(node_map, missing_nodes)
    made_by = list(sources) or ["human"] * len(paths)
    return [_read_part(Path(path), places, names, source) for path, source in zip(paths, made_by, strict=True)]


def join_parts(
    parts: Sequence[Part],
    *,
    skeleton: Sequence[str] | None = None,
    path_map: Mapping[str, str] = MappingProxyType({}),
    missing_nodes: Sequence[str] = (),
) -> LabelSet:
    """Join label files; the arguments are those of `read_labels`."""
    common = _common_skeleton(parts, skeleton, missing_nodes)
    _refuse_namesakes(parts, Places([], path_map))
    videos: dict[Identity, tuple[int, VideoRef]] = {}
    frames: dict[tuple[int, int], tuple[LabeledFrame, Path]] = {}
    negatives: dict[tuple[int, int], Path] = {}
    for number, part in enumerate(parts):
        index = [videos.setdefault(identity, (len(videos), video))[0] for identity, video in part.videos]
        for frame in _moved(part, common, index, number):
            known, file = frames.setdefault(frame.key, (frame, part.file))
            if known != frame:
                raise InputError(
                    f"Frame {frame.frame} of {list(videos.values())[frame.video][1].path} is labelled differently in "
                    f"{file} and {part.file}; remove it from one of them, or merge the files in the labelling tool."
                )
        negatives |= {(index[video], frame): part.file for video, frame in part.negatives}
    references = tuple(video for _, video in videos.values())
    for key in sorted(frames.keys() & negatives.keys()):
        raise InputError(
            f"Frame {key[1]} of {references[key[0]].path} has animals in {frames[key][1]} and is marked as without any "
            f"in {negatives[key]}; correct one of them."
        )
    return LabelSet(common, references, tuple(frames[key][0] for key in sorted(frames)), tuple(sorted(negatives)))


def read_side(path: Path) -> LabelSet:
    """Read a side of the split as `posewright.labels.split` wrote it: its videos are those stored, in their order.

    Two of them may bear one name (frames embedded in two label files), and what counts here is their number, which the
    frame store shares.
    """
    part = _read_part(path, Places([], {}), NodeNames(), "human")
    return LabelSet(part.skeleton, tuple(video for _, video in part.videos), tuple(part.frames), tuple(part.negatives))


def _read_part(path: Path, places: Places, names: NodeNames, source: str) -> Part:
    kind = kind_of(path)
    if kind == "slp":
        part = read_slp(path, places, names)
    elif kind == "dlc":
        part = read_dlc_part(path, places, names)
    elif kind == "coco":
        part = read_coco(path, names)
    elif kind == "yolo":
        part = read_yolo(path, names)
    elif kind == "nwb":
        part = read_nwb(path, places, names)
    else:
        part = read_predictions(path, kind, places, names, source)
    if not part.frames:
        raise InputError(
            f"{path}: the file holds no user instances (predictions do not count); "
            "label frames, or confirm predictions in the labelling tool, and save."
        )
    return part


def _common_skeleton(parts: Sequence[Part], order: Sequence[str] | None, missing: Sequence[str]) -> Skeleton:
    """Return the files' common skeleton, its nodes in the configured order."""
    common = NodeNames(missing=missing).joined([(part.skeleton, str(part.file)) for part in parts])
    if order is None:
        return common
    wanted = Skeleton(tuple(order))
    names = NodeNames(missing=set(missing) & set(order))
    joined = names.joined([(wanted, "the dataset's `skeleton` in the config"), (common, str(parts[0].file))])
    return Skeleton.from_json({**common.to_json(), "nodes": list(joined.nodes)})


def _refuse_namesakes(parts: Sequence[Part], places: Places) -> None:
    """Refuse one file that was found by its name alone for different paths: it can be but one of them."""
    claims: dict[str, list[tuple[Path, VideoRef, list[str]]]] = {}
    for part in parts:
        for _, video in part.videos:
            if video.source is not None and video.handle is None:
                spelled = parts_of(places.mapped(video.path))
                claims.setdefault(os.path.realpath(video.source), []).append((part.file, video, spelled))
    for file, claimed in claims.items():
        for (first, video, spelled), (second, other, otherwise) in combinations(claimed, 2):
            least = min(shared_parts(one, Path(file).parts) for one in (spelled, otherwise))
            is_relative = min(len(spelled), len(otherwise)) == 1
            if spelled != otherwise and least == 1 and not is_relative:
                raise InputError(
                    f"{file} bears the name of two videos: {video.path!r} in {first} and {other.path!r} in {second}; "
                    "if both are this file, map their folders to its folder in path_map, else give video_paths that "
                    "hold both."
                )


def _moved(part: Part, skeleton: Skeleton, index: Sequence[int], number: int) -> list[LabeledFrame]:
    """Return a part's frames with videos and nodes numbered as in the joined set."""
    nodes = part.skeleton.nodes
    return [
        LabeledFrame(index[frame.video], frame.frame, placed(frame.points, nodes, skeleton.nodes), frame.tracks, number)
        for frame in part.frames
    ]
