"""One fresh process of a speed measurement: ``python -m posewright.evaluation.speed_probe TASK.json ANSWER.json``.

It opens a release as a prediction job does, so what it tells of start-up and memory is what such a job pays. It is
started by `posewright.evaluation.speed`, and imports no more than prediction needs before its first poses are there.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewright.files import read_json, write_json
from posewright.prediction.contracts import Estimator
from posewright.prediction.estimator import load_estimator
from posewright.prediction.release import read_release
from posewright.samples.store import FrameStore
from posewright.surroundings import device, peak_memory_mb

Images = NDArray[np.uint8]

BATCHES = (1, 2, 4, 8, 16, 32)  #: tried, as long as the memory lasts
_AS_FAST = 0.97  #: a smaller batch that reaches this part of the highest rate is preferred


def main(task_file: Path, answer_file: Path) -> None:
    """Do what the task says and write the answer."""
    task = read_json(task_file)
    release = read_release(Path(task["release"]))
    folders = release.unpacked(Path(task["work"]) / "releases")
    estimator = load_estimator(folders, release.options, release.backend, int(task["threads"]))
    work = {"calibrate": calibrate, "round": measure_round}[task["kind"]]
    write_json(answer_file, work(estimator, task))


def calibrate(estimator: Estimator, task: Mapping[str, Any]) -> dict[str, Any]:
    """Try batches in rising order until memory or patience ends; then compare with the evaluated predictions."""
    images = _images(FrameStore(Path(task["store"])), task["strata"]["all"])
    cap_mb, seconds = float(task["memory_mb"]), float(task["seconds"])
    tried: list[dict[str, Any]] = []
    for batch in BATCHES:
        stack = _stack(images, 0, batch)
        estimator.predict(stack)
        rate = timed(estimator, images, batch, seconds)["frames_per_s"]
        memory = memory_mb()
        tried.append({"batch": batch, "frames_per_s": rate, "memory_mb": memory, "fits": memory <= cap_mb})
        if memory > cap_mb or batch / rate > 10 * seconds:
            break
    best = best_batch(tried)
    return {
        "device": device(),
        "batches": tried,
        "batch": best["batch"],
        "frames_per_s": best["frames_per_s"],
        **_agreement(estimator, task),
    }


def best_batch(tried: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the smallest of the fastest batches below the cap (rule 13); the smallest of all where none fits."""
    fitting = [one for one in tried if one["fits"]]
    if not fitting:
        return tried[0]
    highest = max(one["frames_per_s"] for one in fitting)
    return next(one for one in fitting if one["frames_per_s"] >= _AS_FAST * highest)


def measure_round(estimator: Estimator, task: Mapping[str, Any]) -> dict[str, Any]:
    """Return start-up, then rates with frames in memory and with a video, warm, in the order that the task says."""
    batch, seconds = int(task["batch"]), float(task["seconds"])
    store = FrameStore(Path(task["store"]))
    strata = {name: _images(store, task["strata"][name]) for name in task["order"]}
    estimator.predict(_stack(strata["all"], 0, batch))
    start_up_s = time.monotonic() - float(task["started"])
    in_memory = {name: timed(estimator, images, batch, seconds) for name, images in strata.items()}
    video = _timed_video(estimator, task, batch) if task["video"] else None
    return {"start_up_s": start_up_s, "in_memory": in_memory, "video": video, "memory_mb": memory_mb()}


def timed(estimator: Estimator, images: Sequence[Images], batch: int, seconds: float) -> dict[str, Any]:
    """Predict the images over and over, always in whole batches, and return frames, seconds and rate."""
    frames, begun = 0, time.perf_counter()
    while (passed := time.perf_counter() - begun) < seconds or not frames:
        estimator.predict(_stack(images, frames, batch))
        frames += batch
    passed = time.perf_counter() - begun
    return {"frames": frames, "seconds": passed, "frames_per_s": frames / passed}


def memory_mb() -> float:
    """Return the largest memory so far: of the GPU where torch computes on one, else of this process."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.max_memory_reserved():
        return float(torch.cuda.max_memory_reserved()) / 1024.0**2
    return peak_memory_mb()


def _timed_video(estimator: Estimator, task: Mapping[str, Any], batch: int) -> dict[str, Any]:
    """Predict part of a video as prediction does: decode, find poses, track, write."""
    from posewright.prediction.pieces import Cut
    from posewright.prediction.task import VideoTask
    from posewright.prediction.video import predict_video
    from posewright.tracking.tracker import tracker_for

    asked = VideoTask.from_row(task["video"])
    for row in ({**task["video"], "stop": asked.start + batch}, task["video"]):  # the first warms up and is forgotten
        whole = VideoTask.from_row(row)
        with tempfile.TemporaryDirectory() as folder:
            tracker = tracker_for(whole, task["tracker"])
            status, told = predict_video(whole, estimator, tracker, Path(folder), Cut.of(batch))
    frames = status.frames_predicted
    return {"frames": frames, "seconds": told["seconds"], "frames_per_s": told["frames_per_s"]}


def _agreement(estimator: Estimator, task: Mapping[str, Any]) -> dict[str, Any]:
    """Return how far these poses are those that were scored (rule 13: at pinned accuracy)."""
    from posewright.evaluation.speed_agreement import agreement

    return {
        "agreement": agreement(estimator, FrameStore(Path(task["store"])), Path(task["scored"]), Path(task["truth"]))
    }


def _images(store: FrameStore, keys: Sequence[Sequence[int]]) -> list[Images]:
    return [np.array(store[video, frame]) for video, frame in keys]


def _stack(images: Sequence[Images], first: int, batch: int) -> Images:
    """Return ``batch`` images from the ``first`` on, beginning again at the end."""
    return np.stack([images[(first + place) % len(images)] for place in range(batch)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
