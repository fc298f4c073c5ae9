"""Are suggested frames worth more than random ones? Their true error, on held-back videos, for three seeds.

    python bench/suggestions.py OUT [--data arena flies-pair] [--seeds 0 1 2] [--steps 300] [--shared ../shared]

Bottom-up models are trained briefly, one a seed. Each seed's model and the next seed's predict held-back video, and the
stage `suggest_frames` chooses frames by their disagreement, and by the doubt of the one alone. The error of a frame is
the mean over its true nodes of the distance in px, a node that is not found or lies farther off counting one body
length. Random choices of as many frames are drawn 10,000 times from those that might be suggested. Finished trainings
in OUT are kept.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow a shared machine down

import numpy as np
import yaml
from numpy.typing import NDArray

from posewright.config.labels import SplitConfig
from posewright.config.recipe import Recipe, load_recipe
from posewright.config.sheet import VideoRow
from posewright.config.videos import SuggestConfig
from posewright.evaluation.matching import animal_length_px, match_nearest
from posewright.evaluation.oks import seen
from posewright.evaluation.videos.stretches import side_by_side
from posewright.evaluation.videos.suggest import Asked, suggest_frames
from posewright.files import digest_of, read_json, write_json
from posewright.labels.model import LabelSet
from posewright.labels.read import read_labels, read_side
from posewright.labels.write import write_labels
from posewright.predict import Wishes, predict
from posewright.samples.store import store_frames
from posewright.shapes import Size
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec
from posewright.training.train import train_model

ROOT = Path(__file__).resolve().parents[1]
COUNT, APART_FRAMES, DRAWS = 20, 3, 10_000

Errors = dict[tuple[str, int], float]  #: (id of the video, frame) -> error in px


@dataclass(frozen=True)
class Data:
    """Labels with their sides.

    Attributes:
        labels: all of them.
        train: (video, frame) keys to learn from.
        val: keys to stop by.
        held_back: the videos to predict, and from which frame on.
        scale: of the images in training.
    """

    labels: LabelSet
    train: list[tuple[int, int]]
    val: list[tuple[int, int]]
    held_back: list[tuple[VideoRow, int]]
    scale: float


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("out", type=Path)
    words.add_argument("--data", nargs="+", choices=("arena", "flies-pair"), default=["arena", "flies-pair"])
    words.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    words.add_argument("--steps", type=int, default=300)
    words.add_argument(
        "--flies-models", type=Path, metavar="DIR", help="OUT of bench/flies_pair.py, instead of training"
    )
    words.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    given = words.parse_args()
    for name in given.data:
        folder = given.out / name
        made = given.flies_models if name == "flies-pair" else None
        data = arena(folder) if name == "arena" else flies(given.shared / "data" / name, made)
        released = {seed: predicted(data, folder, seed, given.steps, made) for seed in given.seeds}
        for seed, other in zip(given.seeds, [*given.seeds[1:], given.seeds[0]], strict=True):
            errors = errors_of(data, released[seed])
            for releases in ([released[seed], released[other]], [released[seed]]):
                print(f"{name} seed {seed}: {compared(data, releases, errors, folder)}", flush=True)


def arena(folder: Path) -> Data:
    """Two animals that meet, in six recordings: two to learn from, one to stop by, three held back."""
    spec = ArenaSpec(
        n_animals=2, animal_length_px=56, size=Size(160, 160), crowding=0.7, n_recordings=6, n_frames=200, n_labeled=200
    )
    if not (folder / "labels.slp").exists():
        make_dataset(spec, folder)
    labels = read_labels([folder / "labels.slp"])
    keys = [frame.key for frame in labels.frames]
    rows = [VideoRow(f"recording_{i}", str(folder / f"videos/recording_{i}.mp4"), n_animals=2) for i in (4, 5, 6)]
    return Data(
        labels,
        [key for key in keys if key[0] < 2 and key[1] % 4 == 0],
        [key for key in keys if key[0] == 2 and key[1] % 10 == 0],
        [(row, 0) for row in rows],
        1.0,
    )


def flies(folder: Path, made: Path | None) -> Data:
    """Two flies: the first half of the video to learn from, its last 440 frames held back.

    Models of `flies_pair` learnt from 120 frames all over the video: the others are held back then.
    """
    labels = read_labels([folder / "labels.slp"])
    if made is not None:
        learnt = [
            [frame.key for frame in read_side(made / "split" / f"{side}.slp").frames] for side in ("train", "val")
        ]
        return Data(labels, learnt[0], learnt[1], [(VideoRow("video", str(folder / "video.mp4"), n_animals=2), 0)], 0.5)
    frames = [frame.key[1] for frame in labels.frames]
    row = VideoRow("video", str(folder / "video.mp4"), n_animals=2, start=660)
    return Data(
        labels,
        [(0, frame) for frame in frames if frame < 550 and frame % 5 == 0],
        [(0, frame) for frame in frames if 580 <= frame < 640 and frame % 5 == 0],
        [(row, 660)],
        0.5,
    )


def predicted(data: Data, folder: Path, seed: int, steps: int, made: Path | None) -> Path:
    """Train a model and predict the held-back videos with it, or find that done."""
    split, store = folder / "split", folder / "store" / "store.json"
    model = folder / "models" / f"seed{seed}" if made is None else made / f"bottomup_seed{seed}"
    if made is None and not store.exists():
        units = [[*key, side, side] for side in ("train", "val") for key in getattr(data, side)]
        for side in ("train", "val"):
            write_labels(data.labels.only(getattr(data, side)), split / f"{side}.slp")
        write_json(split / "split.json", {"digest": digest_of(units), "units": units})
        store_frames(data.labels.only([*data.train, *data.val]), store)
    if not (model / "model.json").exists():
        started = time.process_time()
        train_model(recipe_of(data, steps), split, store, seed, folder / "work", model)
        print(
            f"{folder.name} seed {seed}: {steps} steps, {time.process_time() - started:.0f} s of processor", flush=True
        )
    out = folder / "releases" / f"seed{seed}"
    if not out.exists():
        for row, start in data.held_back:
            list(predict([Path(row.path)], [model], out, Wishes(n_animals=row.n_animals, start=start)))
    return out


def recipe_of(data: Data, steps: int) -> Recipe:
    """Return the demo's recipe, ended after so many steps."""
    value: dict[str, Any] = yaml.safe_load((ROOT / "config" / "recipes" / "demo" / "bottomup.yaml").read_text())
    value["data_config"]["preprocessing"] |= {"scale": data.scale}
    value["trainer_config"] |= {"early_stopping": None}
    value["posewright"] |= {"max_steps": steps}
    return load_recipe(value)


def errors_of(data: Data, release: Path) -> Errors:
    """Return the true error of each labelled frame of the held-back videos, as a release predicted it."""
    length_px = animal_length_px(frame.points for frame in data.labels.frames)
    paths = {str(video.source): index for index, video in enumerate(data.labels.videos)}
    truth = {frame.key: np.asarray(frame.points, np.float64) for frame in data.labels.frames}
    learnt = [*data.train, *data.val]
    errors: Errors = {}
    for row, _ in data.held_back:
        video = next(index for path, index in paths.items() if Path(path).resolve() == Path(row.path).resolve())
        for (view,) in side_by_side([release / row.video], data.labels.skeleton.nodes):
            for index in range(view.n_before, len(view.frames)):
                true = truth.get((video, int(view.frames[index])))
                near = any(v == video and abs(f - view.frames[index]) < APART_FRAMES for v, f in learnt)
                if true is not None and len(true) and not near:
                    found = view.points[index, : int(view.counts[index])]
                    errors[row.video, int(view.frames[index])] = error_of(true, found, length_px)
    return errors


def error_of(true: NDArray[np.float64], found: NDArray[np.float64], length_px: float) -> float:
    """Return the error of one frame in px; see the module."""
    distance = np.full(true.shape[:2], length_px)
    for row, column in match_nearest(true, found, length_px):
        own = np.linalg.norm(true[row] - found[column], axis=-1)
        distance[row] = np.where(np.isnan(own), length_px, np.minimum(own, length_px))
    return float(distance[seen(true)].mean())


def compared(data: Data, releases: list[Path], errors: Errors, folder: Path) -> str:
    """Let the stage suggest frames, and say what their error is beside that of random ones."""
    out = folder / "suggestions" / "_".join(release.name for release in releases) / "suggestions.json"
    rows = [row for row, _ in data.held_back]
    asked = Asked(rows, releases, SuggestConfig(count=COUNT, apart_frames=APART_FRAMES))
    learnt = data.labels.only([*data.train, *data.val])
    suggest_frames(
        asked=asked, labels=learnt, split=SplitConfig(by="video", test=0.0), remembered={}, store=None, out=out
    )
    facts = read_json(out)
    own = np.array([errors[key] for one in facts["frames"] if (key := (one["video"], one["frame"])) in errors])
    every = np.array(list(errors.values()))
    chance = np.random.default_rng(0)
    draws = np.array([chance.choice(every, len(own), replace=False).mean() for _ in range(DRAWS)])
    return (
        f"{facts['way']}, {len(own)} frames: mean error {own.mean():.2f} px (median {np.median(own):.2f}); random "
        f"{draws.mean():.2f} px ({np.quantile(draws, 0.025):.2f} to {np.quantile(draws, 0.975):.2f}), as high in "
        f"{(draws >= own.mean()).mean():.4f} of {DRAWS} draws; {len(every)} frames"
    )


if __name__ == "__main__":
    main()
