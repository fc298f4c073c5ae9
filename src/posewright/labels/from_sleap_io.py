"""Label files that sleap-io reads rightly: ``.slp``, ``.pkg.slp``, COCO, NWB annotations, analysis HDF5 and JABS."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from posewright.errors import InputError
from posewright.labels.find import Places
from posewright.labels.foreign import NAMES, Kind, told
from posewright.labels.model import VideoRef
from posewright.labels.nodes import NodeNames, placed
from posewright.labels.part import Identity, Mark, Part, make_frames
from posewright.labels.skeleton import Skeleton
from posewright.labels.videos import common_folder, images_in, videos_of


def read_slp(path: Path, places: Places, names: NodeNames) -> Part:
    """Read a ``.slp`` file, with or without embedded images; no video is opened."""
    import sleap_io

    with told(path, NAMES["slp"]):
        labels = sleap_io.load_slp(path.as_posix(), open_videos=False)
        return _part(path, labels, videos_of(labels.videos, path, places), names)


def read_coco(path: Path, names: NodeNames) -> Part:
    """Read COCO keypoints; every image must be found, in ``images`` beside the file or as its name says."""
    import sleap_io

    images = path.parent / "images"
    root = images if images.is_dir() else path.parent
    with told(path, NAMES["coco"]):
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message=".*images in .* were not found.*")
                labels = sleap_io.load_coco(path.as_posix(), dataset_root=root.as_posix())
        except UserWarning as fault:
            raise InputError(f"{path}: {str(fault).partition(' Pass the directory')[0]}") from None
        return _part(path, labels, [_coco_images(video.filename, path.parent) for video in labels.videos], names)


def read_nwb(path: Path, places: Places, names: NodeNames) -> Part:
    """Read the annotations (``PoseTraining``) of an NWB file.

    Raises:
        InputError: it holds estimated poses: those have times, and no numbers of the frames they belong to.
    """
    import sleap_io

    with told(path, NAMES["nwb"]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions of extensions
        labels = sleap_io.load_nwb(path.as_posix())
        if any(frame.predicted_instances for frame in labels.labeled_frames):
            raise InputError(
                f"{path}: the NWB file holds estimated poses (PoseEstimation), which have times but no frame numbers; "
                "give annotations (PoseTraining), or the .slp it was made of."
            )
        return _part(path, labels, videos_of(labels.videos, path, places), names)


def read_predictions(path: Path, kind: Kind, places: Places, names: NodeNames, source: str) -> Part:
    """Read a format that does not tell labels from predictions; its instances count if the config says what they are.

    Args:
        path: analysis HDF5 or JABS poses.
        kind: which of them.
        places: where videos are looked for.
        names: how nodes are called.
        source: the file's ``label_source``.
    """
    import sleap_io

    if source == "human":
        raise InputError(
            f"{path}: {NAMES[kind]} does not tell a person's labels from predictions; to learn from it, say what they "
            "are: {path: …, label_source: model}, or corrected, in `labels`."
        )
    load: Callable[[str], Any] = sleap_io.load_jabs if kind == "jabs" else sleap_io.load_analysis_h5
    with told(path, NAMES[kind]):
        labels = load(path.as_posix())
        return _part(path, labels, videos_of(labels.videos, path, places), names, predictions_count=True)


def _coco_images(files: list[str], beside: Path) -> tuple[Identity, VideoRef]:
    """Return the images of one size as a video, its path relative to the label file where it lies below it."""
    folder = Path(common_folder(files))
    spelled = folder.relative_to(beside) if folder.is_relative_to(beside) else folder
    return images_in(spelled.as_posix(), folder, [Path(file).relative_to(folder).as_posix() for file in files])


def _part(
    path: Path,
    labels: Any,
    videos: list[tuple[Identity, VideoRef]],
    names: NodeNames,
    *,
    predictions_count: bool = False,
) -> Part:
    """Take the user instances and the skeleton they share from a ``sleap_io.Labels``."""

    def counting(frame: Any) -> list[Any]:
        return list(frame.instances if predictions_count else frame.user_instances)

    used = _distinct(instance.skeleton for frame in labels.labeled_frames for instance in counting(frame))
    skeletons = [_skeleton(one) for one in used or labels.skeletons[:1]]
    if not skeletons:
        raise InputError(f"{path}: the file has no skeleton; make one in the labelling tool.")
    translated = [names.translated(one, str(path)) for one in skeletons]
    also = [str(path), *["another skeleton in it"] * len(translated)]
    skeleton = names.joined(list(zip(translated, also, strict=False)))
    own_names = {id(one): names.of(found) for one, found in zip(used, skeletons, strict=False)}
    index = {id(video): number for number, video in enumerate(labels.videos)}
    marks: dict[tuple[int, int], list[Mark]] = {}
    negatives = []
    for frame in labels.labeled_frames:
        key = (index[id(frame.video)], int(frame.frame_idx))
        _require_number(key[1], path)
        instances = counting(frame)
        marks.setdefault(key, []).extend(_mark(one, own_names[id(one.skeleton)], skeleton) for one in instances)
        if frame.is_negative and not instances:
            negatives.append(key)
    frames = make_frames(marks)
    labelled = {frame.key for frame in frames}
    predicted = sum(len(frame.predicted_instances) for frame in labels.labeled_frames)
    return Part(
        path,
        skeleton,
        videos,
        frames,
        sorted(set(negatives) - labelled),
        0 if predictions_count else predicted,
        tuple(str(track.name) for track in labels.tracks),
    )


def _distinct(items: Iterable[Any]) -> list[Any]:
    return list({id(item): item for item in items}.values())


def _require_number(frame: int, path: Path) -> None:
    if not 0 <= frame < 2**31:
        raise InputError(f"{path}: {frame} is no number of a frame; the file is damaged.")


def _mark(instance: Any, names: tuple[str | None, ...], skeleton: Skeleton) -> Mark:
    points = placed(np.asarray(instance.numpy(), dtype=np.float64)[None], names, skeleton.nodes)[0]
    points[~np.isfinite(points).all(axis=-1)] = np.nan
    return points, None if instance.track is None else str(instance.track.name)


def _skeleton(skeleton: Any) -> Skeleton:
    nodes = tuple(skeleton.node_names)
    pairs = {tuple(sorted(nodes.index(node.name) for node in pair.nodes)) for pair in skeleton.symmetries}
    edges = tuple((int(a), int(b)) for a, b in skeleton.edge_inds)
    return Skeleton(nodes, edges, tuple((a, b) for a, b in sorted(pairs)), skeleton.name or "skeleton")
