from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from posewright.config.stages import STAGE_VERSION
from posewright.effort import Effort, Journal
from posewright.files import file_digest, read_json, write_json
from posewright.modules import changed_modules
from posewright.provenance import NAME, beside, digests, recording, sampled_digest
from posewright.records import read_records, write_table


def test_the_record_says_what_came_in_how_and_at_what_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEWRIGHT_RUN", "abc")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    write_json(tmp_path / "split" / "split.json", {"digest": "d1"})
    (tmp_path / "sheet.tsv").write_text("video\n")
    out = tmp_path / "model"
    inputs = [tmp_path / "split", tmp_path / "sheet.tsv", tmp_path / "gone"]
    with recording(out / NAME, "train_model", inputs=inputs, params={"sigma": 2.5}, seed=3) as told:
        told.facts["hint"] = "warm"
        (out / "best.ckpt").write_bytes(b"weights")
        (out / ".half").write_bytes(b"")
    record = read_json(out / NAME)
    assert record["stage"] == "train_model" and record["stage_version"] == STAGE_VERSION["train_model"]
    sheet = f"sha256:{file_digest(tmp_path / 'sheet.tsv')}"
    assert sorted(record["inputs"].values()) == ["content:d1", "none", sheet]
    assert record["outputs"] == {"best.ckpt": {"sha256": file_digest(out / "best.ckpt"), "bytes": 7}}
    assert (record["params"], record["seed"], record["hint"]) == ({"sigma": 2.5}, 3, "warm")
    assert record["run"] == "abc" and record["machine"]["slurm_job"] == "17"
    assert changed_modules(record["modules"]) == [] and "posewright.provenance" in record["modules"]
    assert record["wall_s"] > 0.0 and record["cpu_s"] > 0.0 and record["peak_memory_mb"] > 1.0
    assert (record["attempts"], record["resumes"]) == (1, 0)
    assert "numpy" in record["packages"] and record["machine"]["cpus"] >= 1


def test_work_that_fails_leaves_no_record_not_even_an_older_one(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text("old")
    beside(page).write_text("{}")
    with pytest.raises(OSError, match="full"), recording(beside(page), "build_report"):
        raise OSError("the disk is full")
    assert not beside(page).exists()


def test_further_facts_do_not_replace_the_record(tmp_path: Path) -> None:
    with recording(tmp_path / NAME, "check_inputs") as told:
        told.facts["stage"] = "other"
    assert read_json(tmp_path / NAME)["stage"] == "check_inputs"


def test_only_the_first_process_of_a_training_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    with recording(tmp_path / NAME, "train_model"):
        pass
    assert not (tmp_path / NAME).exists()


def test_every_try_counts_and_one_that_was_killed_is_known_as_untold(tmp_path: Path) -> None:
    path = tmp_path / "work" / "attempts.jsonl"
    assert Journal(path).total() is None
    with pytest.raises(KeyboardInterrupt), Journal(path).attempt(resumes=False):
        raise KeyboardInterrupt
    killed = (
        "import os, signal; from pathlib import Path; from posewright.effort import Journal\n"
        f"with Journal(Path({str(path)!r})).attempt(resumes=True): os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -9
    with Journal(path).attempt(resumes=True):
        time.sleep(0.05)
    total = Journal(path).total()
    assert isinstance(total, Effort)
    assert (total.attempts, total.resumes, total.untold) == (3, 2, 1)
    assert total.wall_s >= 0.05 and total.peak_memory_mb > 1.0


def test_a_full_disk_hides_not_how_the_work_ended(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    with pytest.raises(KeyboardInterrupt), Journal(path).attempt(resumes=False):
        path.unlink()
        path.mkdir()  # what is written now fails as on a full disk
        raise KeyboardInterrupt


def test_tries_that_failed_or_were_killed_count_until_one_ends_well(tmp_path: Path) -> None:
    def attempt(params: str, end: str) -> int:
        work = (
            "import os, signal; from pathlib import Path; from posewright.provenance import recording\n"
            f"with recording(Path({str(tmp_path / NAME)!r}), 'compare_methods', params={params!r}): {end}"
        )
        return subprocess.run([sys.executable, "-c", work], check=False, capture_output=True).returncode

    assert attempt("other", "raise OSError") == 1
    assert attempt("these", "os.kill(os.getpid(), signal.SIGKILL)") == -9
    assert attempt("these", "raise OSError") == 1
    assert attempt("these", "pass") == 0
    record = read_json(tmp_path / NAME)
    assert (record["attempts"], record["untold"]) == (3, 1)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert attempt("these", "pass") == 0
    assert read_json(tmp_path / NAME)["attempts"] == 1


def test_a_large_file_is_told_by_size_begin_middle_and_end(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    content = bytearray(1 << 20)
    film.write_bytes(content)
    first = sampled_digest(film)
    for place in (0, len(content) // 2, len(content) - 1):
        content[place] = 1
        film.write_bytes(content)
        assert sampled_digest(film) != first
        content[place] = 0
    film.write_bytes(content)
    assert sampled_digest(film) == first
    assert sampled_digest(tmp_path / "gone.mp4") == "none"


def test_a_model_of_another_program_is_told_by_its_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "best.ckpt").write_bytes(b"weights")
    assert digests([tmp_path]) == {tmp_path.as_posix(): f"sha256:{file_digest(tmp_path / 'best.ckpt')}"}
    write_json(tmp_path / "model.json", {"weights_sha256": "ours"})
    assert digests([tmp_path]) == {tmp_path.as_posix(): "content:ours"}


def test_records_are_read_back_by_place_and_make_one_table(tmp_path: Path) -> None:
    results = tmp_path / "results"
    model, page = results / "flies/models/a b/fold0_seed0", results / "flies/report/index.html"
    check = results / "flies/check.json"
    for path in (model / "best.ckpt", page, check):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    for record, stage in ((model / NAME, "train_model"), (beside(page), "build_report"), (beside(check), "check")):
        with recording(record, stage):
            pass
    record = {"stage": "predict_videos", "outputs": {}, "attempts": 2, "machine": {"device": "A40"}}
    write_json(results / "flies/videos/r/v/status.json", {"state": "ok", "provenance": record})
    write_json(results / "flies/videos/r/old/status.json", {"state": "ok"})
    write_table(results, ["flies", "empty"], results / "provenance.tsv")
    head, *rows = [line.split("\t") for line in (results / "provenance.tsv").read_text().splitlines()]
    table = {row[1]: dict(zip(head, row, strict=True)) for row in rows}
    assert list(table) == ["check", "models/a b/fold0_seed0", "report/index", "videos/r/v"]
    assert table["models/a b/fold0_seed0"]["digests"] == f"best.ckpt={file_digest(model / 'best.ckpt')[:16]}"
    assert (table["videos/r/v"]["attempts"], table["videos/r/v"]["device"]) == ("2", "A40")
    found = {one.name: [path.name for path in one.files()] for one in read_records(results / "flies")}
    assert found["check"] == ["check.json"] and found["report/index"] == ["index.html"]
