"""The RO-Crate of results: laws of its graph. Validators of the profile are heavy dependencies and are run by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posewright.crate import NAME, write_crate
from posewright.discretion import PRIVATE_VARIABLE
from posewright.errors import InputError
from posewright.files import file_digest, read_json, write_json
from posewright.provenance import NAME as RECORD
from posewright.provenance import beside, recording

SPLIT, MODEL = Path("results/flies/split/fold0"), Path("results/flies/models/a b/fold0_seed0")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of three stages, where one's outputs are another's inputs; the labels lie outside."""
    monkeypatch.chdir(tmp_path)
    labels = tmp_path / "labels.csv"
    labels.write_text("frame\n")
    with recording(SPLIT / RECORD, "split_labels", inputs=[labels]):
        write_json(SPLIT / "split.json", {"digest": "d1"})
    with recording(MODEL / RECORD, "train_model", inputs=[SPLIT]) as told:
        told.facts["note"] = "warm"
        write_json(MODEL / "model.json", {"weights_sha256": "w1"})
        (MODEL / "best.ckpt").write_bytes(b"weights")
    page = Path("results/flies/report/index.html")
    with recording(beside(page), "build_report", inputs=[MODEL]):
        page.write_text("<html>")
    status = {"state": "ok", "provenance": read_json(MODEL / RECORD) | {"outputs": {}, "stage": "predict_videos"}}
    write_json(Path("results/flies/videos/r/v/status.json"), status)
    return Path("results/flies")


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def graph(results: Path) -> dict[str, dict[str, Any]]:
    crate = read_json(results / NAME)
    found = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(found) == len(crate["@graph"])
    return found


def test_results_of_all_datasets_are_no_crate(results: Path) -> None:
    with pytest.raises(InputError, match=r"holds the results of flies, .*posewright crate results/flies"):
        write_crate(results.parent)
    assert not (results.parent / NAME).exists()


def test_every_file_is_part_of_it_with_size_and_digest(results: Path) -> None:
    assert write_crate(results) == []
    known = graph(results)
    assert known[NAME]["about"] == {"@id": "./"} and {"name", "license", "datePublished"} <= set(known["./"])
    parts = {part["@id"] for part in known["./"]["hasPart"]}
    files = {path for path in results.rglob("*") if path.is_file() and path.name != NAME}
    told = {results / known[part]["name"]: known[part] for part in parts}
    assert set(told) == files and "models/a%20b/fold0_seed0/best.ckpt" in parts
    for path, entity in told.items():
        assert (entity["sha256"], entity["contentSize"]) == (file_digest(path), str(path.stat().st_size))


def test_what_is_referred_to_is_there_and_steps_join(results: Path) -> None:
    write_crate(results)
    known = graph(results)
    assert not {name for name in references(list(known.values())) if name not in known and "://" not in name}
    actions = {name: entity for name, entity in known.items() if entity["@type"] == "CreateAction"}
    assert {entity["@id"] for entity in known["./"]["mentions"]} == set(actions) and len(actions) == 4
    training = actions["#models/a%20b/fold0_seed0"]
    assert training["object"] == [{"@id": "split/fold0/split.json"}]
    assert {"@id": "models/a%20b/fold0_seed0/best.ckpt"} in training["result"]
    assert training["startTime"] <= training["endTime"]
    software = known[training["instrument"]["@id"]]
    assert software["@type"] == "SoftwareApplication" and any(
        "numpy" in need["@id"] for need in software["softwareRequirements"]
    )
    labels = known[actions["#split/fold0"]["object"][0]["@id"]]
    assert labels["identifier"].startswith("sha256:")


def test_a_file_changed_since_is_named(results: Path) -> None:
    (MODEL / "best.ckpt").write_bytes(b"other weights")
    assert write_crate(results) == ["models/a b/fold0_seed0/best.ckpt"]


def test_a_private_crate_names_no_place(results: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_crate(results)
    assert str(tmp_path) in (results / NAME).read_text()
    monkeypatch.setenv(PRIVATE_VARIABLE, "1")
    write_crate(results)
    assert str(tmp_path) not in (results / NAME).read_text()


def test_where_there_is_nothing_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run the workflow first"):
        write_crate(tmp_path / "nothing")
