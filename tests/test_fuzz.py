"""Damaged inputs end as success or as a sentence: config, sheet and label files, changed at random."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posewright.check import check_inputs
from posewright.config.project import load_project
from posewright.config.recipe import load_recipe
from posewright.config.sheet import read_sheet
from posewright.errors import InputError
from posewright.labels.digest import labels_digest
from posewright.labels.read import read_labels

_SECONDS = 30  #: an input that takes longer hangs
_WORDS = [
    *(b"", b"nan", b"-1", b"1e999", b"99999999999999999999", b"0", b"null", b"~", b"true", b"[]", b"{}"),
    *(b"\x00", b"\xff\xfe", b"\xc3\xa4", b"../../..", b"/", b"\t", b"\n", b",", b'"', b"'", b": ", b"- ", b"|", b"#"),
    *(b"&a [*a]", b"!!python/object/apply:os.system [ls]", b"label_source", b"labels", b"video"),
]


@dataclass(frozen=True)
class Target:
    """An input to damage.

    Attributes:
        make: writes it into a folder; returns the file that is changed.
        use: what is done with it.
        inside: whether what the HDF5 file holds is changed, and not its bytes.
    """

    make: Callable[[Path, Path], Path]
    use: Callable[[Path], Any]
    inside: bool = False


def _copied(name: str) -> Callable[[Path, Path], Path]:
    """Return a maker of a copy of one fixture; the images it needs lie beside."""

    def make(data: Path, folder: Path) -> Path:
        shutil.copyfile(data / "formats" / name, folder / Path(name).name)
        return folder / Path(name).name

    return make


def _yolo(file: str) -> Callable[[Path, Path], Path]:
    def make(data: Path, folder: Path) -> Path:
        shutil.copytree(data / "formats" / "ultralytics", folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        return folder / file

    return make


def _coco(data: Path, folder: Path) -> Path:
    source = data / "formats" / "coco" / "flat_images"
    shutil.copytree(source, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
    return folder / "annotations.json"


def _config(data: Path, folder: Path) -> Path:
    value = {
        "datasets": {
            "mice": {
                "labels": [str(data / "formats/slp/minimal_instance.slp")],
                "path_map": {"Z:/a": "/b"},
                "label_source": "human",
            }
        },
        "split": {"by": "block", "val": 0.2, "test": 0.2, "folds": 1, "block_frames": 5, "gap_frames": "auto"},
        "methods": {"theirs": {"type": "bottomup", "models": [{"path": "model"}]}},
        "seeds": [0, 1],
        "predict": {"releases": ["dev-theirs"], "tracker": {"window_frames": 3}, "keep": ["poses"]},
        "videos": "videos.tsv",
    }
    (folder / "videos.tsv").write_text("video\tpath\nv1\tv1.mp4\n")
    (folder / "config.yaml").write_text(yaml.safe_dump(value))
    return folder / "config.yaml"


def _recipe(data: Path, folder: Path) -> Path:
    source = Path(__file__).resolve().parents[1] / "config" / "recipes" / "bottomup.unet.yaml"
    return Path(shutil.copyfile(source, folder / "recipe.yaml"))


def _sheet(data: Path, folder: Path) -> Path:
    columns = (
        "video\tpath\tdataset\tsession\tcamera\tanimals\tn_animals\tstart\tstop\troi\tfps\tduration_s\texclude\tnote"
    )
    rows = (
        "v1\ta/b.mp4\td\ts1\tc1\tm1,m2\t2\t0\t100\t0,0,10,10\t25\t60\t0\tx\nv2\tc.mp4\td\ts2\tc1\tm3\t\t\t\t\t\t\tyes\t"
    )
    (folder / "videos.tsv").write_text(f"{columns}\n{rows}\n")
    return folder / "videos.tsv"


def _use_config(path: Path) -> None:
    project = load_project(path)
    for name in project.datasets:
        check_inputs(project, name, path.parent / "check.json")


def _use_labels(path: Path) -> None:
    labels = path if path.suffix != ".txt" else path.parents[2]
    with suppress(InputError):
        labels_digest(labels)
    with suppress(InputError):
        read_labels([labels], sources=["model"])
    project = load_project({"datasets": {"a": {"labels": [{"path": str(labels), "label_source": "model"}]}}})
    check_inputs(project, "a", path.parent / "check.json")


TARGETS = {
    "config": Target(_config, _use_config),
    "recipe": Target(_recipe, load_recipe),
    "sheet": Target(_sheet, lambda path: read_sheet(path, ["d"])),
    "slp": Target(_copied("slp/minimal_instance.slp"), _use_labels),
    "slp with sessions": Target(_copied("slp/multiview.slp"), _use_labels),
    "slp inside": Target(_copied("slp/py_written_25_identity.slp"), _use_labels, inside=True),
    "slp with sessions inside": Target(_copied("slp/multiview.slp"), _use_labels, inside=True),
    "deeplabcut": Target(_copied("dlc/labeled-data/video/maudlc_testdata_v2.csv"), _use_labels),
    "coco": Target(_coco, _use_labels),
    "yolo": Target(_yolo("data.yaml"), _use_labels),
    "yolo labels": Target(_yolo("train/labels/image_001.txt"), _use_labels),
    "nwb": Target(_copied("nwb/minimal.annotations.nwb"), _use_labels),
    "analysis": Target(_copied("analysis_h5/multi_matlab.analysis.h5"), _use_labels),
    "analysis inside": Target(_copied("analysis_h5/multi_matlab.analysis.h5"), _use_labels, inside=True),
    "jabs": Target(_copied("jabs/example_pose_est_v2.h5"), _use_labels),
}

places = st.floats(0, 1, exclude_max=True)
changes = st.one_of(
    st.tuples(st.just("flip"), places, st.integers(1, 255)),
    st.tuples(st.just("cut"), places, st.integers(1, 64)),
    st.tuples(st.just("double"), places, st.integers(1, 64)),
    st.tuples(st.just("word"), places, st.sampled_from(_WORDS)),
    st.tuples(st.just("over"), places, st.sampled_from(_WORDS)),
    st.tuples(st.just("end"), places, st.just(0)),
)


def damaged(content: bytes, todo: list[tuple[str, float, Any]]) -> bytes:
    for kind, place, what in todo:
        at = int(place * len(content))
        if kind == "flip" and content:
            content = content[:at] + bytes([content[at] ^ what]) + content[at + 1 :]
        elif kind == "cut":
            content = content[:at] + content[at + what :]
        elif kind == "double":
            content = content[: at + what] + content[at:]
        elif kind in ("word", "over"):
            content = content[:at] + what + content[at + len(what) * (kind == "over") :]
        elif kind == "end":
            content = content[:at]
    return content


def damage_inside(path: Path, todo: list[tuple[str, float, Any]]) -> None:
    """Change what an HDF5 file holds: numbers, texts, attributes, whole tables."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        for kind, place, what in todo:
            at = int(place * 1e6)
            name = names[at % len(names)]
            if name not in file:
                continue
            data = file[name]
            attributes = [(item, key) for item in (data, file.get("metadata", data)) for key in item.attrs]
            if kind in ("cut", "end"):
                del file[name]
                if kind == "end":
                    file[name] = np.zeros((0, *data.shape[1:]), data.dtype) if data.dtype != object else [b""]
            elif kind in ("word", "over") and attributes:
                item, key = attributes[at % len(attributes)]
                value = str(item.attrs[key]).encode(errors="surrogateescape")
                item.attrs[key] = damaged(value, [(kind, place * 7 % 1, what)]).replace(b"\x00", b"")
            elif data.dtype != object and data.size:
                values = data[()]
                raw = bytearray(np.ascontiguousarray(values).tobytes())
                raw[at * 31 % len(raw)] ^= what if kind == "flip" else 255
                data[...] = np.frombuffer(bytes(raw), values.dtype).reshape(values.shape)
            elif data.size:
                text = data[()]
                first = damaged(bytes(text if data.shape == () else text.flat[0]), [("over", place, b"x[1")])
                data[() if data.shape == () else 0] = first.replace(b"\x00", b"")


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Raise where the block takes longer: nothing may hang."""

    def stop(*_: Any) -> None:
        raise TimeoutError(f"an input took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def attack(target: Target, data: Path, root: Path, examples: int) -> None:
    (root / "inner").mkdir()
    source = target.make(data, root / "inner")
    whole, before = source.read_bytes(), listing(root)
    os.chdir(root / "inner")

    @settings(
        max_examples=examples, suppress_health_check=list(HealthCheck), database=None, deadline=None, derandomize=True
    )
    @given(st.lists(changes, min_size=1, max_size=6))
    def law(todo: list[tuple[str, float, Any]]) -> None:
        source.write_bytes(whole if target.inside else damaged(whole, todo))
        if target.inside:
            damage_inside(source, todo)
        with within(_SECONDS):
            try:
                target.use(source)
            except InputError as fault:
                assert str(fault).strip(), "a fault without a sentence"
        assert listing(root) <= before | {"inner/check.json"}, "something was written elsewhere"
        (root / "inner" / "check.json").unlink(missing_ok=True)

    law()


def attack_apart(names: Iterable[str], data: Path, root: Path, examples: int) -> None:
    """Attack in a process of its own: the HDF5 library may crash on damaged files, or leave a crash for later tests."""
    words = [sys.executable, __file__, str(data.resolve()), str(root), str(examples), *names]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ended with {done.returncode}\n{done.stdout}\n{done.stderr}"


def test_a_few_damaged_inputs(shared_data: Path, tmp_path: Path) -> None:
    attack_apart(TARGETS, shared_data, tmp_path, 8)


@pytest.mark.long
@pytest.mark.parametrize("name", TARGETS)
def test_two_thousand_damaged_inputs(name: str, shared_data: Path, tmp_path: Path) -> None:
    attack_apart([name], shared_data, tmp_path, -(-2000 // len(TARGETS)))


def main(data: str, root: str, examples: str, *names: str) -> None:
    for name in names:
        print(name, flush=True)
        folder = Path(root) / name
        folder.mkdir()
        attack(TARGETS[name], Path(data), folder, int(examples))


if __name__ == "__main__":
    main(*sys.argv[1:])
