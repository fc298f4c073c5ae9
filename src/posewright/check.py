"""All that is wrong with the inputs of a dataset, told at once and before anything is trained."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from posewright.check_forecast import forecast
from posewright.check_frames import check_frame_identity
from posewright.check_identities import check_identities
from posewright.check_labels import file_facts, oddities
from posewright.check_recipes import check_frame_sizes, check_methods, planned_recipes, recipe_notes, used_recipes
from posewright.check_repeats import check_repeats
from posewright.config.labels import DatasetConfig
from posewright.config.project import ProjectConfig
from posewright.config.sheet import VideoRow
from posewright.discretion import publishable
from posewright.errors import InputError, nearest
from posewright.files import write_json
from posewright.findings import Findings
from posewright.labels.fits import misfit
from posewright.labels.measure import most_animals, node_reach_px
from posewright.labels.memory import recall_groups
from posewright.labels.model import LabelSet, VideoRef
from posewright.labels.part import Part
from posewright.labels.read import join_parts, read_parts
from posewright.labels.recordings import groups_of
from posewright.labels.split import Split, split_labels
from posewright.layout import read_rows, release_file
from posewright.plan.videos import missing_videos
from posewright.prediction.checkpoints import is_peer_folder, require_checkpoints
from posewright.prediction.fetch import check_source
from posewright.prediction.peer_model import require_known


def check_inputs(project: ProjectConfig, dataset: str, out: Path, table: Path | None = None) -> None:
    """Check a dataset with the sheet, the split and every method, and write facts of it as JSON.

    Args:
        project: the config.
        dataset: which of its datasets.
        out: the JSON.
        table: what the split remembers of its groups, so that the split that is checked is the one that will be made.

    Raises:
        InputProblems: all that is wrong, each with its place and a remedy.
    """
    if dataset not in project.datasets:
        raise InputError(f"There is no dataset {dataset!r}; {nearest(dataset, project.datasets)}")
    findings = Findings()
    rows = _rows(project, findings)
    findings.problems += missing_videos(project, [row for row in rows if row.dataset == dataset])
    recipes = used_recipes(project, findings)
    _check_sources(project, findings)
    _compare_checkpoints(project, findings)
    _compare_bundles(project, dataset, findings)
    settings = project.datasets[dataset]
    facts: dict[str, Any] = {
        "schema": 1,
        "dataset": dataset,
        "sheet": {"videos": sum(row.dataset == dataset for row in rows)},
        "recipes": {
            name: {"model_type": recipe.model_type, "backbone": recipe.backbone, "set_aside": list(recipe.set_aside)}
            for name, recipe in recipes.items()
        },
        "labels": None,
    }
    read = _labels(settings, f"datasets.{dataset}", findings) if settings.labels else None
    if read is not None:
        parts, labels = read
        videos = [_video(video, index, labels, settings, findings) for index, video in enumerate(labels.videos)]
        splits = _splits(project, labels, rows, table, findings)
        train = splits[0].train if splits else labels
        recipes = planned_recipes(project, recipes, train, videos, findings)
        check_methods(project, recipes, train, findings)
        check_frame_sizes(project, recipes, videos, findings)
        who_is_who = check_identities(project, recipes, labels, splits, findings)
        for name, recipe in recipes.items():
            of_recipe = recipe_notes(recipe, splits[0].train if splits else labels)
            facts["recipes"][name]["notes"] = [*of_recipe, *who_is_who.get(name, ())]
        _check_body_ends(project, labels, findings)
        notes = oddities(parts, settings, videos, findings)
        found = {**_facts(labels, videos), "files": file_facts(parts, settings, videos), "notes": notes}
        if settings.repeated:
            found["repeated"], odd = check_repeats(parts, labels, settings, f"datasets.{dataset}", findings)
            notes += odd
        facts |= {"labels": found, "split": [_split_facts(split) for split in splits]}
    n_nodes, animals = (len(read[1].skeleton.nodes), most_animals(read[1])) if read else (None, None)
    facts["forecast"] = forecast(project.predict, dataset, rows, n_nodes, animals)
    findings.raise_if_any()
    write_json(out, publishable(facts))


def _rows(project: ProjectConfig, findings: Findings) -> list[VideoRow]:
    """Return the rows of the sheet; none if it is faulty or there is no sheet."""
    if project.videos is None:
        return []
    sheet = Path(project.videos)
    return findings.attempt(lambda: read_rows(sheet, list(project.datasets))) or []


def _check_sources(project: ProjectConfig, findings: Findings) -> None:
    """Look for the models and files that methods come with."""
    for name, method in project.methods.items():
        for model in method.models or ():
            if model.sha256 is None and not os.path.isdir(model.path):
                findings.add(f"methods.{name}.models", f"{model.path} is no folder", "name that of a trained model")
            if is_peer_folder(Path(model.path)):
                findings.attempt(partial(require_known, Path(model.path)))
        for key in ("predictions", "trained_on"):
            for file in getattr(method, key) or ():
                if not os.path.exists(file):  # unlike Path.exists, False also where access is denied
                    findings.add(f"methods.{name}.{key}", f"{file} does not exist", "correct the path")


def _check_body_ends(project: ProjectConfig, labels: LabelSet, findings: Findings) -> None:
    """Look for the nodes that behaviour is measured by, where it will be: models know the nodes of the labels."""
    for node in project.behaviour.body_ends or () if len(project.predict.releases) > 1 else ():
        if node not in labels.skeleton.nodes:
            findings.add("behaviour.body_ends", f"there is no node {node!r}", nearest(node, labels.skeleton.nodes))


def _compare_checkpoints(project: ProjectConfig, findings: Findings) -> None:
    """Compare the models that methods come with, with their digests."""
    sources = [model for method in project.methods.values() for model in method.models or ()]
    findings.attempt(lambda: require_checkpoints({model.path: model.sha256 for model in sources if model.sha256}))


def _compare_bundles(project: ProjectConfig, dataset: str, findings: Findings) -> None:
    """Compare the bundles that are still to be brought here, with their digests."""
    for name, made in project.releases.items():
        if made.bundle and made.sha256 and not Path(release_file(dataset, name)).exists():
            findings.attempt(lambda made=made: check_source(made.bundle, made.sha256))  # type: ignore[misc]


# --- labels and videos ----------------------------------------------------------------------------------------------


def _labels(settings: DatasetConfig, where: str, findings: Findings) -> tuple[list[Part], LabelSet] | None:
    """Read each label file by itself, so that each tells its own fault, then all together."""
    before = len(findings.problems)
    reading = settings.reading()
    for folder in reading["video_paths"]:
        if not folder.is_dir():
            findings.add(f"{where}.video_paths", f"{folder} is no folder", "correct it or remove it")
    common = {key: reading[key] for key in ("path_map", "missing_nodes")}
    each = {key: reading[key] for key in ("video_paths", "node_map")} | common
    parts: list[Part] = []
    for path, source in zip(reading["paths"], reading["sources"], strict=True):
        part = findings.attempt(lambda path=path, source=source: read_parts([path], sources=[source], **each))  # type: ignore[misc]
        parts += part or ()
    if len(findings.problems) > before:
        return None
    labels = findings.attempt(lambda: join_parts(parts, skeleton=reading["skeleton"], **common))
    return None if labels is None else (parts, labels)


def _video(
    video: VideoRef, index: int, labels: LabelSet, settings: DatasetConfig, findings: Findings
) -> dict[str, Any]:
    """Return size and length of a labelled video; a video without labelled frames is not looked for."""
    frames = [frame for frame in labels.frames if frame.video == index]
    facts: dict[str, Any] = {
        "path": video.path,
        "frames": len(frames),
        "instances": sum(len(frame.points) for frame in frames),
        "size": None,
        "n_frames": None,
    }
    where = f"labelled video {video.path!r}"
    if not frames:
        return facts
    if video.source is None:
        findings.add(where, "the file was not found", "add its folder to video_paths, or the changed part to path_map")
    elif video.handle is not None:
        facts |= _images(video, frames[0].frame, where, findings)
    else:
        facts |= _file(video.source, where, findings)
        fault = misfit(video.source, video.stored) if facts["size"] is not None else None
        if fault is not None:
            findings.add(where, f"{video.source} is another video: {fault}", "name the right one in path_map")
        last = frames[-1].frame
        if facts.get("is_count") and facts["n_frames"] <= last:
            findings.add(
                where,
                f"the file is empty or truncated: frame {last} is labelled, but it has {facts['n_frames']} frames",
                "restore the file, or remove the labels of the missing frames",
            )
    facts.pop("is_count", None)
    if video.source is not None and facts["size"] is not None:
        numbers = [frame.frame for frame in frames]
        facts["frame_check"] = check_frame_identity(video, numbers, settings.frame_check, where, findings)
    return facts


def _file(path: Path, where: str, findings: Findings) -> dict[str, Any]:
    from posewright.samples.video import VideoFault, probe

    try:
        info = probe(path)
    except VideoFault as fault:
        findings.add(
            where, f"the video cannot be used ({fault.reason}): {fault.message}", "restore or replace the file"
        )
        return {}
    size = [info.size.height, info.size.width, info.channels]
    return {"size": size, "n_frames": info.n_frames_hint, "is_count": info.hint_is_count}


def _images(video: VideoRef, frame: int, where: str, findings: Findings) -> dict[str, Any]:
    """Read one image of a list or of embedded frames, and look whether all files of a list are there."""
    names = video.handle.filename
    missing = [name for name in names if not Path(name).is_file()] if isinstance(names, list) else []
    if missing:
        findings.add(where, f"{len(missing)} of its images are missing, the first is {missing[0]}", "restore them")
        return {}
    try:
        return {"size": [int(side) for side in video.handle[frame].shape], "n_frames": int(video.handle.shape[0])}
    except (OSError, KeyError, IndexError, ValueError, TypeError) as fault:
        findings.add(where, f"frame {frame} cannot be read ({fault})", "restore the images")
        return {}


def _facts(labels: LabelSet, videos: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "frames": len(labels.frames),
        "instances": labels.n_instances,
        "negative_frames": len(labels.negatives),
        "most_animals": most_animals(labels),
        "tracks": list(labels.track_names),
        "skeleton": labels.skeleton.to_json(),
        "extent_px": round(2 * float(np.nanmax(node_reach_px(labels, None))), 3),
        "videos": videos,
    }


# --- split ----------------------------------------------------------------------------------------------------------


def _splits(
    project: ProjectConfig, labels: LabelSet, rows: list[VideoRow], table: Path | None, findings: Findings
) -> list[Split]:
    """Return the split of every fold that has one."""
    split = project.split
    remembered = findings.attempt(lambda: {} if table is None else recall_groups(table, split))
    if remembered is None:
        return []
    groups = findings.attempt(lambda: groups_of(labels, rows, split.by, split.file, remembered))
    if groups is None:
        return []
    made = (
        findings.attempt(
            lambda fold=fold: split_labels(  # type: ignore[misc]
                labels,
                by=split.by,
                val=split.val,
                test=split.test,
                folds=split.folds,
                fold=fold,
                block_frames=split.block_frames,
                gap_frames=split.gap_frames,
                seed=split.seed,
                groups=groups,
                remembered=remembered,
            )
        )
        for fold in range(split.folds)
    )
    return [one for one in made if one is not None]


def _split_facts(split: Split) -> dict[str, Any]:
    sizes = {side: len(getattr(split, side).frames) for side in ("train", "val", "test")}
    return {
        "fold": split.settings["fold"],
        **sizes,
        "dropped": None if split.gap_frames is None else len(split.dropped),
        "groups": len(split.groups),
        "digest": None if split.gap_frames is None else split.digest,
        "gap_frames": split.gap_frames,
        "gap_reason": split.gap_reason,
        "notes": list(split.notes),
    }
