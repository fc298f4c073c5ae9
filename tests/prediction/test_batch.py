from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sleap_io

from posewright.errors import Interrupted, OutOfTime
from posewright.files import file_digest, read_json
from posewright.lease import STALE_VARIABLE
from posewright.prediction.batch import predict_videos, video_key
from posewright.prediction.contracts import Estimator
from posewright.prediction.edited import edited, is_edited
from posewright.prediction.release import make_release
from posewright.prediction.status import read_status
from posewright.prediction.task import VideoTask
from posewright.tracking.tracker import tracker_for

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "publish_video.py"
FILES = ["frames.parquet", "poses.parquet", "poses.slp", "status.json"]
SETTINGS = {"tracker": {"similarity": "centroid"}, "keep": ["poses", "frames", "slp"], "frames_at_once": 8}


class Project:
    """A release, a work folder and a results folder, with the two rules that connect them."""

    def __init__(self, root: Path, model: Path, estimator: Estimator) -> None:
        self.root, self.estimator, self.opened = root, estimator, 0
        self.work, self.published, self.manifest = root / "work", root / "results" / "dev-dots", root / "batch.json"
        self.release = root / "releases" / "dev-dots" / "release.json"
        make_release("dev-dots", {}, [model], self.release, root / "ledger.tsv", backend="torch")

    def predict(self, rows: list[dict[str, Any]], **settings: Any) -> dict[str, str]:
        """Run the batch; return how each video came to its product."""

        def open_estimator(_: Any) -> Estimator:
            self.opened += 1
            return self.estimator

        predict_videos(
            self.release,
            rows,
            {**SETTINGS, **settings},
            self.work,
            self.published,
            self.manifest,
            tracker_for,
            open_estimator,
        )
        return {video: entry["how"] for video, entry in read_json(self.manifest)["provenance"].items()}

    def publish(self, video: str, release: str = "dev-dots") -> subprocess.CompletedProcess[str]:
        """Publish one video as the rule does."""
        out = self.published.parent / release / video
        words = ["--manifest", self.manifest, "--video", video, "--release", release, "--out", out]
        return subprocess.run([sys.executable, "-IS", SCRIPT, *words], capture_output=True, text=True, check=False)

    def product(self, video: str) -> Path:
        return Path(read_json(self.manifest)["videos"][video]["product"])

    def state(self, video: str) -> Any:
        return read_json(self.manifest)["videos"][video]["state"]


@pytest.fixture
def project(tmp_path: Path, make_model: Callable[..., Path], estimator: Estimator) -> Project:
    return Project(tmp_path, make_model(), estimator)


@pytest.fixture
def rows(film: Path) -> list[dict[str, Any]]:
    return [{"video": name, "path": str(film), "start": 0, "stop": stop} for name, stop in (("a", 12), ("b", 20))]


def test_a_finished_product_is_kept_and_no_model_opened(project: Project, rows: list[dict[str, Any]]) -> None:
    assert project.predict(rows) == {"a": "predicted", "b": "predicted"}
    assert project.opened == 1
    assert project.predict(rows) == {"a": "kept", "b": "kept"}
    assert project.opened == 1
    assert sorted(path.name for path in project.product("a").iterdir()) == FILES
    assert len(list((project.work / "products").iterdir())) == 2  # nothing temporary is left


def test_a_batch_that_is_to_end_keeps_finished_videos_and_goes_on_only_if_it_got_further(
    project: Project, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STALE_VARIABLE, "0.2")
    lease, predict = project.manifest.with_suffix(".lease"), project.estimator.predict

    def lose_the_lease_in_the_last_video(images: Any) -> Any:
        if lease.exists() and len(list(project.work.glob("products/[!.]*"))) == n_before_the_last:
            lease.write_text('{"token": "other"}')
            while any(thread.name == "lease" for thread in threading.enumerate()):
                time.sleep(0.01)
        return predict(images)

    with monkeypatch.context() as losing:
        estimator_type = type(project.estimator)
        losing.setattr(estimator_type, "predict", lambda _, images: lose_the_lease_in_the_last_video(images))
        n_before_the_last = 1
        with pytest.raises(OutOfTime, match="interrupted in video b, 1 were predicted"):
            project.predict(rows)
        lease.unlink()
        with pytest.raises(Interrupted, match="raise its runtime") as short:
            project.predict(rows)
        assert not isinstance(short.value, OutOfTime)
    lease.unlink()
    assert project.predict(rows) == {"a": "kept", "b": "predicted"}
    assert not lease.exists()
    assert len(list((project.work / "products").iterdir())) == 2  # nothing of the interrupted video is left


def test_published_files_are_whole_and_named(project: Project, rows: list[dict[str, Any]]) -> None:
    project.predict(rows)
    done = project.publish("a")
    assert (done.returncode, done.stderr) == (0, "")
    out, product = project.published / "a", project.product("a")
    assert sorted(os.listdir(out)) == FILES
    status = read_json(out / "status.json")
    expected = {"schema", "video", "release", "state", "reason", "message", "frames_expected", "frames_decoded"}
    assert set(status) == expected | {"frames_predicted", "frames_missing", "attempts", "key", "provenance"}
    assert (status["video"], status["release"], status["state"]) == ("a", "dev-dots", "ok")
    record = status["provenance"]
    assert record["outputs"]["poses.parquet"]["sha256"] == file_digest(out / "poses.parquet")
    assert record["inputs"]["dev-dots.posewright"] == f"content:{read_json(project.release)['digest']}"
    assert record["params"]["video"]["path"] in record["inputs"] and record["wall_s"] > 0.0
    assert os.path.samefile(out / "poses.parquet", product / "poses.parquet")
    assert not os.path.samefile(out / "poses.slp", product / "poses.slp")  # people save into it
    assert (out / "poses.slp").read_bytes() == (product / "poses.slp").read_bytes()
    assert project.publish("a").returncode == 0
    assert sorted(os.listdir(out)) == FILES


def test_a_purge_of_the_work_folder_recovers_by_adoption(project: Project, rows: list[dict[str, Any]]) -> None:
    project.predict(rows)
    for video in ("a", "b"):
        assert project.publish(video).returncode == 0
    shutil.rmtree(project.work)
    (project.published / "b" / "poses.parquet").unlink()
    assert project.predict(rows) == {"a": "adopted", "b": "predicted"}
    assert project.publish("b").returncode == 0
    assert sorted(os.listdir(project.published / "b")) == FILES
    assert read_json(project.product("a") / "status.json")["state"] == "ok"


def test_a_poses_slp_that_a_person_edited_is_no_product_and_keeps_a_name(
    project: Project, rows: list[dict[str, Any]], film: Path, tmp_path: Path
) -> None:
    away = tmp_path / "away.mp4"
    shutil.copyfile(film, away)
    rows = [*rows, {"video": "gone", "path": str(away), "stop": 7}]
    project.predict(rows)
    for row in rows:
        assert project.publish(row["video"]).returncode == 0
    originals = {name: (project.product(name) / "poses.slp").read_bytes() for name in ("a", "b", "gone")}
    folders = [project.published / name for name in ("a", "b", "gone")]
    os.utime(folders[0] / "poses.slp", (time.time() + 60, time.time() + 60))
    assert edited(folders) == []
    assert (folders[0] / "poses.slp").stat().st_mtime <= (folders[0] / "status.json").stat().st_mtime  # read once
    for folder in folders[1:]:
        labels = sleap_io.load_slp(str(folder / "poses.slp"), open_videos=False)
        labels.labeled_frames[3].instances[0].numpy()[:] = 1.0
        labels.save(str(folder / "poses.slp"), verbose=False)
        os.utime(folder / "poses.slp", (time.time() + 60, time.time() + 60))
    assert edited(folders) == folders[1:]
    work = (folders[1] / "poses.slp").read_bytes()
    away.unlink()
    shutil.rmtree(project.work)
    assert project.predict(rows) == {"a": "adopted", "b": "adopted", "gone": "adopted"}
    for name in ("a", "b"):
        assert (project.product(name) / "poses.slp").read_bytes() == originals[name]
    for folder in folders:
        assert project.publish(folder.name).returncode == 0
    assert (project.published / "b" / "poses.slp").read_bytes() == originals["b"]
    assert (folders[1] / "poses.edited.slp").read_bytes() == work != originals["b"]
    assert sorted(path.name for path in folders[0].iterdir()) == FILES
    assert not any(is_edited(folder) for folder in folders)  # also of the video that is no longer there
    anew = sleap_io.load_slp(str(folders[2] / "poses.slp"), open_videos=False)
    assert len(anew.labeled_frames) == 7 and anew.videos[0].filename == str(away)


def test_a_stale_manifest_is_removed_so_that_the_next_run_repairs(project: Project, rows: list[dict[str, Any]]) -> None:
    project.predict(rows)
    (project.product("a") / "frames.parquet").unlink()
    done = project.publish("a")
    assert done.returncode == 1
    assert "predicted anew" in done.stderr
    assert not project.manifest.exists()
    assert project.predict(rows) == {"a": "predicted", "b": "kept"}
    assert project.publish("a").returncode == 0


def test_releases_of_equal_weights_and_videos_of_equal_rows_share(project: Project, rows: list[dict[str, Any]]) -> None:
    project.predict([rows[0], {**rows[0], "video": "same"}])
    assert project.product("a") == project.product("same")
    assert project.publish("same", release="frozen").returncode == 0
    status = read_json(project.published.parent / "frozen" / "same" / "status.json")
    assert (status["video"], status["release"]) == ("same", "frozen")


def test_only_what_decides_the_poses_decides_the_key() -> None:
    task = VideoTask.from_row({"video": "a", "path": "a.mp4"})
    key = video_key("digest", SETTINGS, task)
    same_rows = [
        {"video": "b", "path": "a.mp4"},
        {"video": "a", "path": "a.mp4", "start": 0, "session": "s", "exclude": False, "roi": None},
    ]
    for row in same_rows:
        assert video_key("digest", SETTINGS, VideoTask.from_row(row)) == key
    for speed in (
        {"frames_at_once": 99},
        {"threads": 7},
        {"batch": {"count": 3}},
        {"keep": ["slp", "poses", "frames"]},
        {"also_write": ["nwb"]},
    ):
        assert video_key("digest", {**SETTINGS, **speed}, task) == key
    other_rows = [
        {"path": "b.mp4"},
        {"start": 1},
        {"stop": 9},
        {"roi": [0, 0, 9, 9]},
        {"n_animals": 2},
        {"exclude": True},
        {"fps": 30.0},
    ]
    keys = [
        video_key("digest", SETTINGS, VideoTask.from_row({"video": "a", "path": "a.mp4", **row})) for row in other_rows
    ]
    keys += [video_key("digest", {**SETTINGS, **change}, task) for change in ({"tracker": None}, {"keep": ["poses"]})]
    assert len({key, video_key("other", SETTINGS, task), *keys}) == len(keys) + 2


def test_a_missing_video_is_a_state_and_is_tried_again(project: Project, film: Path, tmp_path: Path) -> None:
    late = tmp_path / "late.mp4"
    rows = [{"video": "late", "path": str(late), "stop": 5}, {"video": "out", "path": "x.mp4", "exclude": True}]
    project.predict(rows)
    assert (project.state("late"), project.state("out")) == ("failed", "excluded")
    for video in ("late", "out"):
        assert project.publish(video).returncode == 0
    assert sorted(os.listdir(project.published / "late")) == FILES
    assert project.predict(rows) == {"late": "predicted", "out": "kept"}
    assert read_json(project.product("late") / "status.json")["attempts"] == 2
    shutil.copyfile(film, late)
    project.predict(rows)
    status = read_json(project.product("late") / "status.json")
    assert (status["state"], status["attempts"]) == ("ok", 3)


def test_a_fault_of_the_machine_leaves_what_was_finished(project: Project, rows: list[dict[str, Any]]) -> None:
    good = project.estimator

    class FailsLater:
        skeleton = good.skeleton
        classes = good.classes
        calls = 0

        def predict(self, images: Any) -> Any:
            self.calls += 1
            if self.calls > 3:
                raise MemoryError
            return good.predict(images)

    project.estimator = FailsLater()
    with pytest.raises(MemoryError):
        project.predict(rows)
    assert not project.manifest.exists()
    assert len(list((project.work / "products").iterdir())) == 1
    project.estimator = good
    assert project.predict(rows) == {"a": "kept", "b": "predicted"}
    tries = {name: read_json(project.product(name) / "status.json") for name in ("a", "b")}
    assert {name: status["attempts"] for name, status in tries.items()} == {"a": 1, "b": 2}
    told = tries["b"]["provenance"]
    assert (told["attempts"], told["resumes"], told["untold"]) == (2, 1, 0)


def test_only_the_kept_files_are_made_and_published(project: Project, rows: list[dict[str, Any]]) -> None:
    project.predict(rows[:1], keep=["poses"])
    assert sorted(os.listdir(project.product("a"))) == ["poses.parquet", "status.json"]
    assert project.publish("a").returncode == 0
    assert sorted(os.listdir(project.published / "a")) == ["poses.parquet", "status.json"]


def test_further_formats_are_made_without_predicting_again(project: Project, rows: list[dict[str, Any]]) -> None:
    more = ["poses.coco.json", "poses.nwb"]
    absent = {"video": "absent", "path": "absent.mp4"}
    assert project.predict([rows[0], absent]) == {"a": "predicted", "absent": "predicted"}
    assert project.predict([rows[0], absent], also_write=["nwb", "coco"])["a"] == "kept"
    for video in ("a", "absent"):
        assert sorted(path.name for path in project.product(video).iterdir()) == sorted([*FILES, *more])
        assert project.publish(video).returncode == 0
        assert sorted(os.listdir(project.published / video)) == sorted([*FILES, *more])
    assert not os.path.samefile(project.published / "a" / "poses.nwb", project.product("a") / "poses.nwb")
    shutil.rmtree(project.work)
    assert project.predict(rows[:1], also_write=["nwb", "coco"]) == {"a": "adopted"}
    assert sorted(path.name for path in project.product("a").iterdir()) == sorted([*FILES, *more])


def test_losing_the_race_for_a_product_is_no_error(project: Project, rows: list[dict[str, Any]]) -> None:
    good = project.estimator

    class Slow:
        skeleton = good.skeleton
        classes = good.classes

        def predict(self, images: Any) -> Any:
            if project.estimator is not good:
                project.estimator = good
                project.manifest.with_suffix(".lease").unlink()  # this job was held up, and another took it for dead
                assert project.predict(rows[:1]) == {"a": "predicted"}  # another job is faster with the same video
            return good.predict(images)

    project.estimator = Slow()
    assert project.predict(rows[:1]) == {"a": "predicted"}
    assert project.opened == 2
    assert sorted(os.listdir(project.product("a"))) == FILES
    assert not [path for path in (project.work / "products").iterdir() if path.name.startswith(".")]


def files_of(product: Path) -> dict[str, bytes]:
    """Return the files of a product but for the status, in which clock times stand."""
    return {path.name: path.read_bytes() for path in product.iterdir() if path.name != "status.json"}


def test_chunks_over_jobs_leave_nothing_to_compute_for_the_one_that_joins(
    project: Project, rows: list[dict[str, Any]], film: Path
) -> None:
    row = {"video": "long", "path": str(film)}
    project.predict([row])
    expected, status = files_of(project.product("long")), read_status(project.product("long") / "status.json")
    shutil.rmtree(project.work)
    for number in (2, 0, 1):
        how = project.predict([{**row, "chunk": [number, 3]}], chunk_frames=20)
        assert how == {"long": f"predicted chunk {number + 1} of 3"}
        assert read_json(project.manifest)["videos"] == {}
    good = project.estimator

    class Idle:
        skeleton = good.skeleton
        classes = good.classes

    project.estimator = Idle()  # type: ignore[assignment]
    assert project.predict([row], chunk_frames=20) == {"long": "predicted"}
    assert files_of(project.product("long")) == expected
    assert read_status(project.product("long") / "status.json") == status
    told = read_json(project.product("long") / "status.json")["provenance"]
    assert (told["attempts"], told["resumes"]) == (1, 0)
    assert told["wall_s"] > told["timings"]["seconds"]  # chunks are part of what it cost
    assert not list((project.work / "pieces").iterdir())
    assert project.publish("long").returncode == 0
    assert project.predict([{**row, "chunk": [1, 3]}], chunk_frames=20) == {"long": "kept"}
    shutil.rmtree(project.work)
    assert project.predict([{**row, "chunk": [1, 3]}], chunk_frames=20) == {"long": "kept"}  # published files count
