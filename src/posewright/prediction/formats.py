"""Poses in the files of other tools: analysis HDF5, NWB, DeepLabCut's table and COCO results.

All are made from ``poses.parquet`` and ``frames.parquet``, with the poses of one video in memory. They are written here
and not by sleap-io, whose writers (0.9.5) cut frame rates to whole numbers (NWB), drop scores (DeepLabCut) and know no
COCO results.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from posewright import __version__
from posewright.files import atomic_path
from posewright.prediction.poses import POSES_NAME, pose_chunks, read_skeleton, read_xarray

if TYPE_CHECKING:
    import xarray as xr

_SCORER = "posewright"
_NWB_FRAMES, _NWB_SKELETONS = "frame", "Skeletons"
#: What ndx-pose itself keeps within a ``PoseEstimation``, where the nodes lie.
_NWB_OF_ESTIMATION = (
    "description",
    "device",
    "dimensions",
    "labeled_video",
    "labeled_videos",
    "original_videos",
    "scorer",
    "skeleton",
    "source_software",
    "source_video",
)


def write_formats(folder: Path, words: Sequence[str], video: str, identifier: str) -> None:
    """Write the formats that ``words`` name beside a video's tables; those that are there already are kept.

    Args:
        folder: with ``poses.parquet`` and ``frames.parquet``.
        words: keys of `FORMATS`.
        video: the path of the video in the user's spelling.
        identifier: a text that no other result has, for NWB.
    """
    for word in words:
        name, write = FORMATS[word]
        if not (folder / name).exists():
            with atomic_path(folder / name) as temporary:
                write(folder, temporary, video, identifier)


def _write_analysis_h5(folder: Path, out: Path, video: str, identifier: str) -> None:
    """SLEAP's analysis file in its own (MATLAB's) order of axes; the frame axis begins at frame 0 of the video."""
    skeleton, cube = read_skeleton(folder / POSES_NAME), _from_frame_0(read_xarray(folder))
    found = ~np.isnan(cube["instance_score"].to_numpy())
    scores = cube["instance_score"].to_numpy()
    class_scores = cube["class_score"].to_numpy() if "class_score" in cube else np.zeros_like(scores)
    names = list(skeleton.nodes)
    with h5py.File(out, "w") as file:
        arrays = {
            "tracks": cube["position"].transpose("individual", "space", "node", "frame").to_numpy(),
            "track_occupancy": found.astype(np.uint8),
            "point_scores": cube["confidence"].transpose("individual", "node", "frame").to_numpy(),
            "instance_scores": scores.T,
            "tracking_scores": np.nan_to_num(class_scores).T,
        }
        for name, array in arrays.items():
            file.create_dataset(name, data=array, compression="gzip" if array.size else None)
        file["track_names"] = _texts(cube["individual"].to_numpy().tolist())
        file["node_names"] = _texts(names)
        file["edge_names"] = _texts([names[end] for edge in skeleton.edges for end in edge]).reshape(-1, 2)
        file["edge_inds"] = np.array(skeleton.edges, dtype=np.int64).reshape(-1, 2)
        file["labels_path"], file["video_path"], file["video_ind"] = "", video, 0
        file["provenance"] = json.dumps({"posewright": __version__, "identifier": identifier})
        file.attrs["format"], file.attrs["preset"] = "analysis", "matlab"


def _write_nwb(folder: Path, out: Path, video: str, identifier: str) -> None:
    """NWB with ndx-pose: in the module ``behavior`` a ``PoseEstimation`` for each individual.

    Names that NWB cannot keep, or keeps for something else, are spelled otherwise; descriptions tell the true ones.

    Seconds count from the first frame of the video, for when it was recorded is not known; where the video does not
    tell times, they are frame numbers, and the description says so.
    """
    from ndx_pose import PoseEstimation, PoseEstimationSeries, Skeleton, Skeletons
    from pynwb import NWBHDF5IO, NWBFile, TimeSeries
    from pynwb.image import ImageSeries

    skeleton, cube = read_skeleton(folder / POSES_NAME), read_xarray(folder)
    timed = np.isfinite(cube["time_s"].to_numpy())
    if not timed.any():
        cube = cube.assign_coords(time_s=("frame", cube["frame"].to_numpy().astype(np.float64)))
    else:
        cube = cube.isel(frame=np.flatnonzero(timed))
    unit = "seconds from the first frame" if timed.any() or not len(timed) else "frame numbers: the video has no times"
    file = NWBFile(
        session_description=f"Poses in {video}. Times are {unit}; the start of the session is not known.",
        identifier=identifier,
        session_start_time=datetime(1970, 1, 1, tzinfo=UTC),
    )
    module = file.create_processing_module("behavior", "processed behavioral data")
    times_s = np.ascontiguousarray(cube["time_s"].to_numpy())
    film = None
    if len(times_s):
        film = ImageSeries(
            name="video", external_file=[video], format="external", starting_frame=[0], timestamps=times_s, unit="n.a."
        )
        file.add_acquisition(film)
        module.add(TimeSeries(name=_NWB_FRAMES, data=cube["frame"].to_numpy(), unit="n.a.", timestamps=times_s))
    (skeleton_name,) = _nwb_names([skeleton.name], ())
    nodes = Skeleton(name=skeleton_name, nodes=list(skeleton.nodes), edges=_edges(skeleton.edges))
    module.add(Skeletons(name=_NWB_SKELETONS, skeletons=[nodes]))
    node_names = _nwb_names(skeleton.nodes, (*_NWB_OF_ESTIMATION, skeleton_name))
    individuals = cube["individual"].to_numpy().tolist()
    individual_names = _nwb_names(individuals, (_NWB_FRAMES, _NWB_SKELETONS))
    for place, (individual, individual_name) in enumerate(zip(individuals, individual_names, strict=True)):
        one = cube.isel(individual=place)
        series = [
            PoseEstimationSeries(
                name=node_name,
                description=f"Estimated positions of {node}",
                data=one["position"].sel(node=node).to_numpy(),
                confidence=one["confidence"].sel(node=node).to_numpy(),
                confidence_definition="value of the network's map at the peak",
                reference_frame="(0, 0) is the centre of the top-left pixel of the whole frame",
                unit="pixels",
                timestamps=times_s,
            )
            for node, node_name in zip(skeleton.nodes, node_names, strict=True)
        ]
        module.add(
            PoseEstimation(
                name=individual_name,
                pose_estimation_series=series,
                description=f"Estimated positions of {individual}".replace("\0", "_"),
                source_video=film,
                scorer=_SCORER,
                source_software="posewright",
                source_software_version=__version__,
                skeleton=nodes,
            )
        )
    with NWBHDF5IO(str(out), "w") as io:
        io.write(file)


def _write_dlc_csv(folder: Path, out: Path, video: str, identifier: str) -> None:
    """The table DeepLabCut writes of an analysed video: one row a frame from 0 on, x, y and likelihood of each node.

    One individual has three lines of header, several have four. A node that was not found has likelihood 0: pandas
    takes a first line without any number for a part of the header, and every frame would move up by one.
    """
    import pandas as pd

    cube = _from_frame_0(read_xarray(folder))
    individuals, nodes = cube["individual"].to_numpy().tolist(), cube["node"].to_numpy().tolist()
    position = cube["position"].transpose("frame", "individual", "node", "space").to_numpy()
    confidence = cube["confidence"].transpose("frame", "individual", "node").to_numpy()
    values = np.concatenate([position, np.nan_to_num(confidence)[..., None]], axis=-1)
    levels: dict[str, Sequence[str]] = {"scorer": [_SCORER]}
    if len(individuals) > 1:
        levels["individuals"] = individuals
    levels |= {"bodyparts": nodes, "coords": ["x", "y", "likelihood"]}
    if not individuals:
        values = np.tile(np.array([np.nan, np.nan, 0], np.float32), (len(values), 1, len(nodes), 1))
    columns = pd.MultiIndex.from_product(levels.values(), names=levels)
    table = pd.DataFrame(values.reshape(len(values), len(columns)), columns=columns)
    table.to_csv(out, float_format="%.9g")


def _write_coco(folder: Path, out: Path, video: str, identifier: str) -> None:
    """COCO's list of results: ``image_id`` is the frame number, a node that was not found is 0, 0, 0."""
    with out.open("w", encoding="utf-8") as file:
        separator = "["
        for chunk in pose_chunks(folder / POSES_NAME):
            nodes = np.nan_to_num(np.concatenate([chunk["points"], chunk["scores"][..., None]], axis=-1))
            for row, track in enumerate(chunk["track"]):
                result = {
                    "image_id": int(chunk["frame"][row]),
                    "category_id": 1,
                    "keypoints": [float(str(value)) for value in nodes[row].ravel()],
                    "score": float(str(chunk["instance_score"][row])),
                    "track": track,
                }
                file.write(separator + json.dumps(result))
                separator = ",\n"
        file.write("]\n" if separator != "[" else "[]\n")


#: word of ``predict.also_write`` -> name of the file, and what writes it
FORMATS: dict[str, tuple[str, Callable[[Path, Path, str, str], None]]] = {
    "analysis_h5": ("poses.analysis.h5", _write_analysis_h5),
    "nwb": ("poses.nwb", _write_nwb),
    "dlc_csv": ("poses.dlc.csv", _write_dlc_csv),
    "coco": ("poses.coco.json", _write_coco),
}


def _from_frame_0(cube: xr.Dataset) -> xr.Dataset:
    """Return the data set with every frame from 0 to the last: these formats number frames by their place."""
    frames = cube["frame"].to_numpy()
    if not len(frames) or len(frames) == frames[-1] + 1:
        return cube
    return cube[["position", "confidence", *(name for name in cube if str(name).endswith("_score"))]].reindex(
        frame=np.arange(frames[-1] + 1)
    )


def _nwb_names(names: Sequence[str], reserved: Collection[str]) -> list[str]:
    """Return a name for each that NWB can keep beside the reserved ones: its own where that will do, none twice."""
    plain = [_nwb_spelling(name) for name in names]
    taken = {*reserved, *(name for name, own in zip(names, plain, strict=True) if name == own)}
    found = []
    for name, own in zip(names, plain, strict=True):
        if name == own and name not in reserved:
            found.append(name)
            continue
        free = (one for one in chain([own], (f"{own}_{number}" for number in count(2))) if one not in taken)
        found.append(next(free))
        taken.add(found[-1])
    return found


def _nwb_spelling(name: str) -> str:
    """Return a name without the signs that NWB keeps for paths."""
    plain = re.sub(r"[/:\0]", "_", name)
    return plain if plain.strip(".") else plain.replace(".", "_") or "_"


def _texts(texts: Sequence[str]) -> NDArray[Any]:
    return np.array([text.encode() for text in texts], dtype="S" if texts else "S1")


def _edges(edges: Sequence[tuple[int, int]]) -> NDArray[np.uint8]:
    return np.array(edges, dtype=np.uint8).reshape(-1, 2)
