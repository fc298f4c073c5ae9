from __future__ import annotations

from pathlib import Path

import pytest

from posewright.avoided import AVOIDED, forget_avoided
from posewright.errors import InputError
from posewright.site import Site, growing

EXAMPLE = Path(__file__).resolve().parents[1] / "config" / "site.example.yaml"


def site(tmp_path: Path, text: str) -> Site:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    return Site.load(path)


def test_without_a_file_there_are_no_gpus(tmp_path: Path) -> None:
    assert Site.load(tmp_path / "site.yaml").gpu == 0
    assert Site().of("train_model", runtime=10) == {"runtime": 10}


def test_the_example_is_a_site() -> None:
    example = Site.load(EXAMPLE)
    assert example.gpu == 1
    assert example.of("split_labels", runtime=10) == {
        "runtime": 10,
        "slurm_account": "lab",
        "slurm_partition": "cpu",
    }


def test_a_stage_wins_over_all_and_both_over_the_rule(tmp_path: Path) -> None:
    found = site(tmp_path, "resources: {all: {qos: a, runtime: 2}, train_model: {qos: b}}")
    assert found.of("train_model", runtime=1, mem_mb=5) == {"runtime": 2, "mem_mb": 5, "qos": "b"}


def test_a_request_grows_with_attempts_and_inputs_up_to_its_limits(tmp_path: Path) -> None:
    labels = tmp_path / "labels.slp"
    labels.write_bytes(bytes(10_000_000))
    files = [str(labels), str(tmp_path / "not-made-yet")]
    asked = growing(4000, 20000, per_input_mb=40)
    assert [asked(None, files, attempt) for attempt in (1, 2, 3, 4)] == [4400, 8800, 17600, 20000]
    limited = site(tmp_path, "limits: {mem_mb: 10000, runtime: 60}").of("train_model", mem_mb=asked, runtime=480)
    assert [limited["mem_mb"](None, files, attempt) for attempt in (1, 2, 3)] == [4400, 8800, 10000]
    assert limited["runtime"] == 60
    own = site(tmp_path, "limits: {mem_mb: 10000}\nresources: {all: {mem_mb: 3000}}").of("train_model", mem_mb=asked)
    assert [own["mem_mb"](None, files, attempt) for attempt in (1, 2, 3)] == [3000, 6000, 10000]


def test_one_line_asks_for_gpus_as_generic_resources(tmp_path: Path) -> None:
    found = site(tmp_path, "gpu: 2\ngres: gpu:a100")
    assert found.of("train_model", gpu=found.gpu).keys() == {"gres", "slurm_extra"}
    assert found.of("train_model", gpu=found.gpu)["gres"] == "gpu:a100:2"
    assert found.of("split_labels", runtime=1) == {"runtime": 1}
    assert site(tmp_path, "gres: gpu").of("train_model", gpu=0) == {"gpu": 0}


def test_a_job_with_gpus_leaves_out_nodes_that_are_of_no_use_from_when_they_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = site(tmp_path, "gpu: 1\nresources: {store_frames: {slurm_extra: --nice=2}, predict_videos: {gpu: 0}}")
    extra = {stage: found.of(stage, gpu=1).get("slurm_extra") for stage in ("train_model", "predict_videos")}
    extra["store_frames"] = found.of("store_frames", runtime=1)["slurm_extra"]
    assert extra.pop("predict_videos") is None
    assert {words(None, [], 1) for words in extra.values()} == {"--open-mode=append", "--open-mode=append --nice=2"}
    for node in ("gpu2", "gpu1", ".gpu3.half-written"):
        (AVOIDED / node).parent.mkdir(parents=True, exist_ok=True)
        (AVOIDED / node).write_text("too old")
    assert extra["train_model"](None, [], 2) == "--open-mode=append --exclude=gpu1,gpu2"
    assert extra["store_frames"](None, [], 2) == "--open-mode=append --nice=2"
    forget_avoided(tmp_path)
    assert extra["train_model"](None, [], 3) == "--open-mode=append"


def test_a_notify_command_is_words_and_never_a_shell_line(tmp_path: Path) -> None:
    assert site(tmp_path, "notify: mail -s 'a; b' me").notify == ("mail", "-s", "a; b", "me")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gres: gpu:1", "give a name without number"),
        ("limits: {mem_mb: much}", "the most that is allowed"),
        ('notify: "mail \'me"', "give a command"),
        ("gpus: 1", "did you mean 'gpu'"),
        ("gpu: many", "give a number of GPUs"),
        ("resources: {train_modle: {}}", "did you mean 'train_model'"),
        ("resources: {train_model: 4}", "a map of resources is needed"),
        ("[1]", "a map of keys is needed"),
    ],
)
def test_a_slip_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        site(tmp_path, text)
