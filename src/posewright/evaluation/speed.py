"""Stage measure_speed: what every method's release costs to run, all on one node (``comparison.md`` rule 13).

Rounds of random order; in each round every method runs once, in a fresh process (`speed_probe`), so that start-up and
memory are its own. Methods are compared within rounds, which shares out what else happens on the node.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from posewright.discretion import publishable
from posewright.errors import InputError
from posewright.evaluation.speed_rounds import ROUND_SCHEMA, round_rows, speed_summary
from posewright.evaluation.tables import write_table
from posewright.files import digest_of, read_json, write_json
from posewright.labels.model import LabelSet
from posewright.labels.read import read_side
from posewright.prediction.bundle import read_manifest
from posewright.prediction.release import Release, read_release
from posewright.prediction.task import VideoTask
from posewright.samples.store import FrameStore
from posewright.samples.video import VideoFault, source_of
from posewright.surroundings import machine

SCHEMA = 1
_FRAMES = 32  #: of each stratum, at most: they are seen over and over
_SLOWEST = 6  #: how many times longer than asked the slowest method may be timed with a video
_LONGEST_VIDEO = 2000  #: frames of a timing with a video, at most
_WEIGHTS = (".ckpt", ".bin", ".xml")


@dataclass(frozen=True)
class Contestant:
    """One method as it is timed.

    Attributes:
        method: its name.
        path: ``release.json`` of its working release.
        scored: folder of the evaluation of the same models on validation frames.
    """

    method: str
    path: Path
    scored: Path

    @property
    def release(self) -> Release:
        """The release."""
        return read_release(self.path)


def measure_speed(
    *,
    contestants: Sequence[Contestant],
    untimed: Mapping[str, str],
    split: Path,
    store: Path,
    videos: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    threads: int,
    work: Path,
    out: Path,
) -> None:
    """Time methods in rounds and write ``rounds.parquet`` and ``speed.json``.

    Args:
        contestants: the methods.
        untimed: the other methods, each with the reason why it cannot be timed.
        split: folder with ``train.slp`` and ``val.slp``, whose labels tell how many animals a frame holds.
        store: ``store.json`` of the decoded frames.
        videos: rows of the sheet; the first that opens is timed from file to files, else a labelled one.
        settings: ``rounds``, ``memory_mb``, ``seconds``, ``confidence`` and ``tracker``.
        threads: for the networks.
        work: folder in which releases are unpacked.
        out: folder of the results.

    Raises:
        InputError: no method can be timed.
    """
    if not contestants:
        raise InputError(f"There is no method to time: {'; '.join(f'{name}: {why}' for name, why in untimed.items())}.")
    sides = [read_side(split / f"{side}.slp") for side in ("train", "val")]  # rule 1: test frames are not looked at
    strata, left_out = frames_by_animals(sides, FrameStore(store))
    common = {
        "work": str(work),
        "store": str(store),
        "threads": threads,
        "strata": strata,
        "tracker": settings["tracker"],
        "memory_mb": settings["memory_mb"],
        "seconds": settings["seconds"],
    }
    tasks, facts = {}, {}
    for one in contestants:
        found = {"release": str(one.path), "scored": str(one.scored / "keypoints.parquet")}
        task = {**common, **found, "truth": str(split / "val.slp"), "kind": "calibrate"}
        facts[one.method] = {**_run(task), **_facts(one)}
        tasks[one.method] = {**task, "kind": "round", "batch": facts[one.method]["batch"]}
    video = _video(videos, sides[-1], max(told["batch"] for told in facts.values()))
    clip = video and clip_of(video, [told["frames_per_s"] for told in facts.values()], float(settings["seconds"]))
    rows: list[dict[str, Any]] = []
    chance = random.Random(int(digest_of([common["seconds"], sorted(tasks)])[:8], 16))
    for number in range(int(settings["rounds"])):  # rule 13: at least five pairs, as the config's type sees to
        order = sorted(tasks)
        chance.shuffle(order)
        load = os.getloadavg()[0]
        for place, method in enumerate(order):
            names = list(strata)
            chance.shuffle(names)
            answer = _run({**tasks[method], "order": names, "video": clip})
            rows += round_rows(number, place, method, answer, load)
            print(f"round {number + 1}: {method} started up in {answer['start_up_s']:.2f} s", flush=True)
    table = pd.DataFrame(rows, columns=ROUND_SCHEMA.names)
    write_table(out / "rounds.parquet", table, ROUND_SCHEMA)
    about = {
        "schema": SCHEMA,
        "machine": machine(),
        "threads": threads,
        "memory_cap_mb": settings["memory_mb"],
        "frames": {name: len(keys) for name, keys in strata.items()},
        "frames_of_other_sizes": left_out,
        "video": video,
        "untimed": dict(untimed),
    }
    told = {**about, **speed_summary(table, facts, float(settings["confidence"]))}
    write_json(out / "speed.json", publishable(told))


def frames_by_animals(sides: Sequence[LabelSet], store: FrameStore) -> tuple[dict[str, list[tuple[int, int]]], int]:
    """Return frames by how many animals are labelled in them, ``all`` among them; and how many had another size.

    The frames of a stratum are spread over it; all have the commonest size, so that they fit into one batch.
    """
    animals = {frame.key: len(frame.points) for side in sides for frame in side.with_negatives.frames}
    by_size: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for key in sorted(animals):
        by_size.setdefault(store[key].shape, []).append(key)
    if not by_size:
        raise InputError("There is no labelled frame to time methods on; label some, and run check.")
    keys = max(by_size.values(), key=len)
    strata = {"all": spread(keys)}
    for name in sorted({stratum_of(animals[key]) for key in keys}, key=lambda name: int(name.split("-")[0])):
        strata[name] = spread([key for key in keys if stratum_of(animals[key]) == name])
    return strata, len(animals) - len(keys)


def stratum_of(n_animals: int) -> str:
    """Return the name of the stratum of a number of animals, by powers of two: 0, 1, 2, 3-4, 5-8 and so on."""
    high = 1 << max(n_animals - 1, 0).bit_length()
    return str(n_animals) if n_animals <= 2 else f"{high // 2 + 1}-{high}"


def spread(keys: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return at most `_FRAMES` of some frames, evenly spread over them."""
    step = max(1.0, len(keys) / _FRAMES)
    return [keys[int(place * step)] for place in range(min(len(keys), _FRAMES))]


def _facts(one: Contestant) -> dict[str, Any]:
    """Return what of a method's cost needs no clock: backend, number type, sizes."""
    release, manifest = one.release, read_manifest(one.release.bundle)
    weights = [model["weights_sha256"] for model in manifest["models"]]
    files = {name: file["bytes"] for name, file in manifest["files"].items() if Path(name).suffix in _WEIGHTS}
    used = (".ckpt",) if release.backend == "torch" else (".bin", ".xml")
    return {
        "release": release.name,
        "release_digest": release.digest,
        "models_digest": digest_of(sorted(weights)),
        "backend": release.backend,
        "dtype": release.dtype,
        "networks": len(weights),
        "network_bytes": sum(size for name, size in files.items() if Path(name).suffix in used),
        "bundle_bytes": release.bundle.stat().st_size,
    }


def _video(rows: Sequence[Mapping[str, Any]], labels: LabelSet, fewest: int) -> dict[str, Any] | None:
    """Return the first video that opens and fills a batch: of the sheet, else of the labels; None where none opens.

    Where none fills a batch, it is the first that has a frame.
    """
    short: dict[str, Any] | None = None
    labelled = [{"video": "labelled", "path": str(video.source)} for video in labels.videos if video.source]
    for row in [*(row for row in rows if not row.get("exclude")), *labelled]:
        task = VideoTask.from_row(row)
        try:
            info = source_of(Path(task.path)).info()
        except VideoFault:
            continue  # the status table tells of it
        stop = min(task.stop or info.n_frames_hint, info.n_frames_hint)
        if stop <= task.start:
            continue
        size = [info.size.height, info.size.width]
        found = {**task.science(), "video": task.video, "stop": stop, "size": size}
        if stop - task.start >= fewest:
            return found
        short = short or found
    return short


def clip_of(video: Mapping[str, Any], rates: Sequence[float], seconds: float) -> dict[str, Any]:
    """Return the row of the part of a video that is timed, the same for all: what is paid once a video is shared alike.

    It takes the fastest method ``seconds``, but the slowest not more than a few times as long.
    """
    frames = min(max(rates) * seconds, min(rates) * seconds * _SLOWEST, _LONGEST_VIDEO)
    row = {key: value for key, value in video.items() if key != "size"}
    return {**row, "stop": min(video["start"] + max(int(frames), 1), video["stop"])}


def _run(task: Mapping[str, Any]) -> dict[str, Any]:
    """Do a task in a process of its own, which is told when it was started."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder, "task.json"), Path(folder, "answer.json")
        write_json(asked, {**task, "started": time.monotonic()})
        command = [sys.executable, "-m", "posewright.evaluation.speed_probe", str(asked), str(answer)]
        subprocess.run(command, check=True)
        told: dict[str, Any] = read_json(answer)
        return told
