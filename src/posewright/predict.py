"""``posewright predict``: videos through models or a bundle, without a project and without the workflow."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from posewright.config.videos import TrackerConfig
from posewright.errors import InputError, InputProblems, Problem
from posewright.files import read_json, write_json
from posewright.prediction.backends import BackendName
from posewright.prediction.batch import predict_videos
from posewright.prediction.contracts import Estimator
from posewright.prediction.peer_model import own_folders
from posewright.prediction.release import WORKING_PREFIX, Release, make_release, read_release, try_out
from posewright.prediction.status import STATUS_NAME
from posewright.tracking.tracker import tracker_for


@dataclass(frozen=True)
class Wishes:
    """What is asked of every video, and how it is computed.

    Attributes:
        n_animals: how many animals there are; None if unknown.
        start: first frame.
        stop: frame to stop before; None for all.
        roi: part of the image, x0, y0, x1, y1 in whole pixels; None for all.
        tracking: whether instances are joined to tracks.
        backend: what runs the networks; None for ``auto``, and what a bundle was frozen with.
        peak_threshold: smallest map value that counts as a node; None for the default, and that of a bundle.
        threads: of the networks; None leaves the choice to the backend.
    """

    n_animals: int | None = None
    start: int = 0
    stop: int | None = None
    roi: tuple[int, int, int, int] | None = None
    tracking: bool = True
    backend: BackendName | None = None
    peak_threshold: float | None = None
    threads: int | None = None


def predict(videos: Sequence[Path], models: Sequence[Path], out: Path, wishes: Wishes) -> Iterator[dict[str, Any]]:
    """Predict videos into ``out/<name of the video>/``, each in place as soon as it is done.

    Args:
        videos: the files.
        models: one or two model folders, or one bundle.
        out: folder to write to; nothing in it is replaced.
        wishes: what is asked of every video.

    Yields:
        ``status.json`` of each video, when its files are there.

    Raises:
        InputError: models or wishes do not fit, or results of a video are there already.
    """
    names = _names(videos)
    taken = [name for name in names if (out / name).exists()]
    if taken:
        there = ", ".join(str(out / name) for name in taken)
        raise InputError(f"There are results already: {there}. Move them away, or name another --out.")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".work.") as folder:
        work = Path(folder)
        release = _release(models, wishes, work)
        opened = _once_opened(work, wishes.threads)
        opened(read_release(release))  # models that do not open are told before any video is touched
        for name, video in zip(names, videos, strict=True):
            yield _one(name, video, release, opened, out, wishes, work)


def _one(
    name: str, video: Path, release: Path, opened: Callable[[Release], Estimator], out: Path, wishes: Wishes, work: Path
) -> dict[str, Any]:
    """Predict one video and put its files in place."""
    row = {
        "video": name,
        "path": str(video),
        "n_animals": wishes.n_animals,
        "start": wishes.start,
        "stop": wishes.stop,
        "roi": None if wishes.roi is None else list(wishes.roi),
    }
    settings = {"tracker": TrackerConfig().model_dump() if wishes.tracking else None}
    manifest = work / f"{name}.json"
    predict_videos(release, [row], settings, work, work / "published", manifest, tracker_for, opened)
    told = read_json(manifest)
    product = Path(told["videos"][name]["product"])
    status: dict[str, Any] = {**read_json(product / STATUS_NAME), "video": name, "release": told["release"]}
    write_json(product / STATUS_NAME, status)
    product.rename(out / name)
    return status


def _release(models: Sequence[Path], wishes: Wishes, work: Path) -> Path:
    """Return what to predict with: the bundle as it is, or a passing release of the model folders."""
    if len(models) == 1 and models[0].is_file():
        frozen = {"--backend": wishes.backend, "--peak-threshold": wishes.peak_threshold}
        given = [word for word, value in frozen.items() if value is not None]
        if given:
            raise InputError(
                f"{models[0]} is a bundle, in which backend and thresholds are frozen; leave out "
                f"{' and '.join(given)}, or give the model folders it was made of."
            )
        return models[0]
    problems = [
        Problem(f"--models {path}", "it is a file" if path.is_file() else "there is no such folder", _MODELS)
        for path in models
        if not path.is_dir()
    ]
    if problems:
        raise InputProblems(problems)
    path = work / "release" / "release.json"
    name = WORKING_PREFIX + "+".join(re.sub(r"[^A-Za-z0-9._-]+", "-", model.resolve().name) for model in models)
    threshold: float | Literal["auto"] = "auto" if wishes.peak_threshold is None else wishes.peak_threshold
    backend = wishes.backend or "auto"
    with own_folders(models) as folders:
        make_release(name, {}, folders, path, work / "ledger.tsv", backend, peak_threshold=threshold)
    return path


_MODELS = "give one or two model folders, or one bundle"


def _once_opened(work: Path, threads: int | None) -> Callable[[Release], Estimator]:
    """Return a function that opens a release the first time, and remembers."""
    known: dict[str, Estimator] = {}

    def opened(release: Release) -> Estimator:
        if release.digest not in known:
            known[release.digest] = try_out(release, work / "models", threads)
        return known[release.digest]

    return opened


def _names(videos: Sequence[Path]) -> list[str]:
    """Return a folder name for each video: that of its file, with a mark where several would be the same."""
    resolved = [video.absolute() for video in videos]
    twice = sorted({str(video) for video in resolved if resolved.count(video) > 1})
    if twice:
        raise InputError(f"Given twice: {', '.join(twice)}. Give each video once.")
    plain = [re.sub(r"[^A-Za-z0-9._-]+", "_", video.stem).lstrip("._-") or "video" for video in videos]
    return [
        name if plain.count(name) == 1 else f"{name}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
        for name, path in zip(plain, resolved, strict=True)
    ]
