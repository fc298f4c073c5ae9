"""The project of a campaign: short synthetic videos, some broken in the ways of the status table, some oddly named."""

from __future__ import annotations

import csv
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import yaml

from posewright.shapes import Size
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec

ROOT = Path(__file__).resolve().parents[2]
RELEASES = ("dev-bottomup", "second-seed")
N_LABELLED = 4  #: recordings with labels; they are never broken
BROKEN = {  # way to break a video -> state and reason that must come of it
    "truncated": ("partial", "truncated"),
    "damaged": ("partial", "undecodable_frames"),
    "empty": ("failed", "empty_file"),
    "gone": ("failed", "missing"),
    "text": ("failed", "not_a_video"),
    "late": ("failed", "no_frames"),
    "excluded": ("excluded", "excluded"),
}
TRACE = "a shell was here"  #: a file that a name would make if it ever reached a shell
ODD_NAMES = (  # good videos with names that break what does not quote
    "with space.mp4",
    'it\'s "quoted" & 100% {name}.mp4',
    "two\nlines.mp4",
    f"$(touch '{TRACE}').mp4",
    "Mäuse–鼠 🐭.mp4",
    "-dash.mp4",
    "; `true` | #.mp4",
    "deeper/recording_1.mp4",
)


@dataclass(frozen=True)
class Spec:
    """How big the project is, how long its trainings are, and how many of its videos the cluster gets (None: all)."""

    videos: int = 8
    broken: int = 2
    odd: int = 2
    releases: int = 1
    batch: int = 4
    steps: int = 100
    seed: int = 0
    taken: int | None = None

    def taken_names(self) -> list[str]:
        """Return the videos that the cluster gets: the labelled, broken and oddly named ones first."""
        first = {*self.names()[:N_LABELLED], *self.broken_as(), *self.oddly_named()}
        return sorted(self.names(), key=lambda name: name not in first)[: self.taken]

    def names(self) -> list[str]:
        return [f"recording_{number + 1}" for number in range(self.videos)]

    def broken_as(self) -> dict[str, str]:
        """Return id -> the way in which the video is broken."""
        chosen = random.Random(self.seed).sample(self.names()[N_LABELLED:], self.broken)
        return {name: list(BROKEN)[number % len(BROKEN)] for number, name in enumerate(chosen)}

    def oddly_named(self) -> dict[str, str]:
        """Return id -> the odd name of the video."""
        good = [name for name in self.names()[N_LABELLED:] if name not in self.broken_as()]
        return dict(zip(good, ODD_NAMES[: self.odd], strict=False))

    def wanted(self, name: str) -> tuple[str, str]:
        """Return the state and the reason that a video must get."""
        way = self.broken_as().get(name)
        return ("ok", "") if way is None else BROKEN[way]


def make_project(spec: Spec, folder: Path) -> None:
    """Write videos, labels, sheet, recipe and config."""
    data = folder / "data"
    _film(data, N_LABELLED, seed=spec.seed)
    more = folder / "more"
    _film(more, spec.videos - N_LABELLED, seed=spec.seed + 1)
    for number in range(spec.videos - N_LABELLED):
        video = more / "videos" / f"recording_{number + 1}.mp4"
        video.rename(data / "videos" / f"recording_{number + 1 + N_LABELLED}.mp4")
    shutil.rmtree(more)
    _write_sheet(spec, data)
    recipe = yaml.safe_load((ROOT / "config/recipes/demo/bottomup.yaml").read_text())
    recipe["posewright"] = {"max_steps": spec.steps, "checkpoint_minutes": 0.05}
    recipe["trainer_config"] |= {"min_train_steps_per_epoch": 5, "max_epochs": spec.steps}
    recipe["trainer_config"]["early_stopping"] = {"stop_training_on_plateau": False}
    _write(folder / "config/recipes/bottomup.yaml", recipe)
    _write(folder / "config/config.yaml", _config(spec))


def take_project(spec: Spec, project: Path, folder: Path) -> None:
    """Copy a project as it was made, with the videos that the spec takes."""
    for part in ("config", "data"):
        shutil.copytree(project / part, folder / part)
    with (project / "data/videos.tsv").open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream, delimiter="\t")
    taken = set(spec.taken_names())
    with (folder / "data/videos.tsv").open("w", newline="", encoding="utf-8") as stream:
        sheet = csv.writer(stream, delimiter="\t", lineterminator="\n")
        sheet.writerows([header, *(row for row in rows if row[0] in taken)])


def _write_sheet(spec: Spec, data: Path) -> None:
    """Break and rename videos as the spec says, and list them."""
    broken, odd = spec.broken_as(), spec.oddly_named()
    with (data / "videos.tsv").open("w", newline="", encoding="utf-8") as stream:
        sheet = csv.writer(stream, delimiter="\t", lineterminator="\n")
        sheet.writerow(["video", "path", "start", "exclude"])
        for name in spec.names():
            video, way = data / "videos" / f"{name}.mp4", broken.get(name)
            if way is not None:
                _break(video, way)
            if name in odd:
                place = data / "videos" / odd[name]
                place.parent.mkdir(exist_ok=True)
                video = video.rename(place)
            start = 5000 if way == "late" else ""
            sheet.writerow([name, video.relative_to(data), start, "yes" if way == "excluded" else ""])


def _config(spec: Spec) -> dict[str, Any]:
    releases = list(RELEASES[: spec.releases])
    return {
        "datasets": {"synthetic": {"labels": ["data/labels.slp"], "label_source": "human", "complete": True}},
        "split": {"by": "video", "val": 0.25, "test": 0.25},
        "recipes": {"bottomup": "config/recipes/bottomup.yaml"},
        "methods": {"bottomup": {"type": "bottomup", "recipes": ["bottomup"]}},
        "seeds": list(range(spec.releases)),
        "releases": {name: {"method": "bottomup", "fold": 0, "seed": 1} for name in releases[1:]},
        "videos": "data/videos.tsv",
        "predict": {
            "releases": releases,
            "batch": {"count": spec.batch},
            "backend": "torch",
            "max_failed_fraction": 0.9,
        },
    }


def _film(folder: Path, count: int, seed: int) -> None:
    size, length_px = Size(128, 128), 40.0
    make_dataset(
        ArenaSpec(n_recordings=count, n_frames=20, n_labeled=5, size=size, animal_length_px=length_px, seed=seed),
        folder,
    )


def _break(path: Path, way: str) -> None:
    if way == "truncated":
        _truncate(path)
    elif way == "damaged":
        _damage(path)
    elif way == "empty":
        path.write_bytes(b"")
    elif way == "gone":
        path.unlink()
    elif way == "text":
        path.write_text("this is no video\n" * 100)


def _truncate(path: Path) -> None:
    """Cut the last third of the picture data, and leave the index at the head, which still promises all frames."""
    whole = path.with_suffix(".head.mp4")
    with av.open(str(path)) as source, av.open(str(whole), "w", options={"movflags": "faststart"}) as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    content = whole.read_bytes()
    whole.unlink()
    path.write_bytes(content[: content.index(b"mdat") + (len(content) - content.index(b"mdat")) * 2 // 3])


def _damage(path: Path) -> None:
    """Overwrite the pictures of two frames in the middle with zeros."""
    with av.open(str(path)) as source:
        places = [(packet.pos, packet.size) for packet in source.demux(video=0) if packet.dts is not None]
    content = bytearray(path.read_bytes())
    for begin, size in places[len(places) // 2 :][:2]:
        content[begin : begin + size] = bytes(size)
    path.write_bytes(content)


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(value, sort_keys=False))
