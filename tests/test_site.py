from __future__ import annotations

from pathlib import Path

import pytest

from posewright.errors import InputError
from posewright.site import Site

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


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
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
