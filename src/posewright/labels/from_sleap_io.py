"""``.slp``, ``.pkg.slp`` and COCO label files, read by sleap-io."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from posewright.errors import InputError
from posewright.labels.find import Places
from posewright.labels.model import VideoRef
from posewright.labels.part import Identity, Mark, Part, make_frames, require_same_nodes
from posewright.labels.skeleton import Skeleton
from posewright.labels.videos import common_folder, images_in, video_of


def read_slp(path: Path, places: Places) -> Part:
    """Read a ``.slp`` file, with or without embedded images; no video is opened."""
    import sleap_io

    try:
        labels = sleap_io.load_slp(path.as_posix(), open_videos=False)
    except (OSError, KeyError, ValueError) as fault:
        raise InputError(f"{path}: the file cannot be read as .slp ({fault}).") from None
    return _part(path, labels, [video_of(video, path, places) for video in labels.videos])


def read_coco(path: Path) -> Part:
    """Read COCO keypoints; every image must be found, in ``images`` beside the file or as its name says."""
    import sleap_io

    images = path.parent / "images"
    root = images if images.is_dir() else path.parent
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*images in .* were not found.*")
            labels = sleap_io.load_coco(path.as_posix(), dataset_root=root.as_posix())
    except UserWarning as fault:
        raise InputError(f"{path}: {str(fault).partition(' Pass the directory')[0]}") from None
    except (OSError, KeyError, ValueError, TypeError) as fault:
        raise InputError(f"{path}: the file cannot be read as COCO keypoints ({fault}).") from None
    return _part(path, labels, [_coco_images(video.filename, path.parent) for video in labels.videos])


def _coco_images(files: list[str], beside: Path) -> tuple[Identity, VideoRef]:
    """Return the images of one size as a video, its path relative to the label file where it lies below it."""
    folder = Path(common_folder(files))
    spelled = folder.relative_to(beside) if folder.is_relative_to(beside) else folder
    return images_in(spelled.as_posix(), folder, [Path(file).relative_to(folder).as_posix() for file in files])


def _part(path: Path, labels: Any, videos: list[tuple[Identity, VideoRef]]) -> Part:
    """Take the user instances and the skeleton they share from a ``sleap_io.Labels``."""
    used = _distinct(instance.skeleton for frame in labels.labeled_frames for instance in frame.user_instances)
    skeletons = [_skeleton(one) for one in used or labels.skeletons[:1]]
    if not skeletons:
        raise InputError(f"{path}: the file has no skeleton; make one in the labelling tool.")
    skeleton = skeletons[0]
    for other in skeletons[1:]:
        require_same_nodes(skeleton, other, f"{path}", "another skeleton in it")
    index = {id(video): number for number, video in enumerate(labels.videos)}
    marks: dict[tuple[int, int], list[Mark]] = {}
    for frame in labels.labeled_frames:
        key = (index[id(frame.video)], int(frame.frame_idx))
        marks.setdefault(key, []).extend(_mark(instance, skeleton) for instance in frame.user_instances)
    return Part(path, skeleton, videos, make_frames(marks))


def _distinct(items: Iterable[Any]) -> list[Any]:
    return list({id(item): item for item in items}.values())


def _mark(instance: Any, skeleton: Skeleton) -> Mark:
    order = [instance.skeleton.node_names.index(node) for node in skeleton.nodes]
    points = np.asarray(instance.numpy(), dtype=np.float64)[order]
    return points, None if instance.track is None else str(instance.track.name)


def _skeleton(skeleton: Any) -> Skeleton:
    nodes = tuple(skeleton.node_names)
    pairs = {tuple(sorted(nodes.index(node.name) for node in pair.nodes)) for pair in skeleton.symmetries}
    edges = tuple((int(a), int(b)) for a, b in skeleton.edge_inds)
    return Skeleton(nodes, edges, tuple((a, b) for a, b in sorted(pairs)), skeleton.name or "skeleton")
