"""Where videos, work and results lie: other file systems, full disks, shared folders, no locks, odd names.

Tests that mount a small disk need root and skip loudly without.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from posewright.files import read_json
from posewright.prediction.contracts import Estimator

from .test_batch import FILES, Project

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def disk(path: Path, size: str) -> Iterator[Path]:
    """Mount a small disk."""
    path.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here ({done.stderr.strip()}); run as root to test full disks")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def remount(path: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", path], check=True)


@pytest.fixture
def mounted() -> Iterator[Callable[[Path, str], Path]]:
    """Mount small disks until the test ends."""
    with ExitStack() as stack:
        yield lambda path, size: stack.enter_context(disk(path, size))


@pytest.fixture
def project(tmp_path: Path, make_model: Callable[..., Path], estimator: Estimator) -> Project:
    return Project(tmp_path, make_model(), estimator)


@pytest.fixture
def row(film: Path) -> dict[str, Any]:
    return {"video": "a", "path": str(film)}


def test_a_full_work_disk_ends_the_job_and_leaves_no_half_product(
    project: Project, row: dict[str, Any], mounted: Callable[[Path, str], Path]
) -> None:
    work = mounted(project.work, "8k")
    with pytest.raises(OSError, match="No space left"):
        project.predict([row])
    assert not project.manifest.exists()
    assert not list((work / "products").iterdir())
    remount(work, "size=8m")
    assert project.predict([row]) == {"a": "predicted"}
    assert sorted(os.listdir(project.product("a"))) == FILES


@pytest.mark.parametrize("size", ["4k", "12k", "20k", "28k", "36k", "44k"])
def test_a_full_results_disk_leaves_whole_files_or_none(
    project: Project, row: dict[str, Any], mounted: Callable[[Path, str], Path], size: str
) -> None:
    project.predict([row])
    results = mounted(project.published.parent, size)
    assert project.publish("a").returncode != 0
    out, product = project.published / "a", project.product("a")
    for path in out.iterdir() if out.exists() else ():
        assert path.name in FILES
        if path.name != "status.json":
            assert path.read_bytes() == (product / path.name).read_bytes()
    assert not (out / "status.json").exists()  # it comes last
    remount(results, "size=8m")
    assert project.publish("a").returncode == 0
    assert sorted(os.listdir(out)) == FILES


def test_work_and_results_on_two_file_systems(
    project: Project, row: dict[str, Any], mounted: Callable[[Path, str], Path]
) -> None:
    mounted(project.work, "16m")
    project.predict([row], also_write=["coco"])
    assert project.publish("a").returncode == 0
    product, out = project.product("a"), project.published / "a"
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.name != "status.json"}
    assert before == {path.name: path.read_bytes() for path in product.iterdir() if path.name != "status.json"}
    shutil.rmtree(project.work / "products")
    assert project.predict([row]) == {"a": "adopted"}


def test_a_folder_of_videos_that_may_not_be_written(
    project: Project, film: Path, mounted: Callable[[Path, str], Path], tmp_path: Path
) -> None:
    videos = mounted(tmp_path / "read only", "1m")
    shutil.copyfile(film, videos / "film.mp4")
    remount(videos, "ro")
    project.predict([{"video": "a", "path": str(videos / "film.mp4")}])
    assert project.state("a") == "ok"


def test_a_shared_folder_keeps_its_group_and_its_members_may_write(project: Project, row: dict[str, Any]) -> None:
    group = next((gid for gid in (*os.getgroups(), 12345) if gid != os.getgid()), 12345)
    try:
        os.chown(project.root, -1, group)
    except PermissionError:
        pytest.skip("this user has one group only; run as root to test shared folders")
    project.root.chmod(0o2775)
    before = os.umask(0o002)
    try:
        project.predict([row])
        assert project.publish("a").returncode == 0
    finally:
        os.umask(before)
    places = [project.work, project.work / "products", project.product("a"), project.published / "a"]
    assert {(path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) for path in places} == {(group, 0o2775)}
    files = [project.manifest, *project.product("a").iterdir(), *(project.published / "a").iterdir()]
    assert {(path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) for path in files} == {(group, 0o664)}


def test_files_that_another_process_has_locked_are_read_and_written(tmp_path: Path) -> None:
    """As where the file system knows no locks: HDF5 does not ask for any."""
    path = tmp_path / "labels.slp"
    code = (
        "import posewright, h5py, sys\nwith h5py.File(sys.argv[1], sys.argv[2]) as file:\n    file.attrs['seen'] = 1\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "HDF5_USE_FILE_LOCKING"}

    def write(mode: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, str(path), mode]
        return subprocess.run(
            command,
            env={**environment, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=False,
        )

    assert write("w").returncode == 0
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = write("r+")
    assert done.returncode == 0, done.stderr


ODD = ["a b.mp4", "it's.mp4", 'say "hi".mp4', "line\nbreak.mp4", "$(touch bad).mp4", "`touch bad`.mp4", "ü漢🐁.mp4"]


@pytest.mark.parametrize("name", [*ODD, "-rf.mp4", "a;touch bad.mp4", "%s {x}.mp4", "\\n.mp4"])
def test_odd_names_of_videos_go_through_prediction_and_publishing(
    project: Project, film: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(film, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    row = {"video": "a", "path": name, "stop": 8}
    project.predict(json.loads(json.dumps([row])), also_write=["coco"])
    assert project.state("a") == "ok"
    assert project.publish("a").returncode == 0
    assert not (tmp_path / "bad").exists()
    assert read_json(project.published / "a" / "status.json")["frames_predicted"] == 8
