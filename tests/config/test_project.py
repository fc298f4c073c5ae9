"""The project's config: defaults, and every fault named with its place and the nearest known key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from posewright.config.labels import DatasetConfig
from posewright.config.project import ProjectConfig, load_project
from posewright.config.sections import read_yaml, validate
from posewright.errors import InputError, InputProblems


def project(**changes: Any) -> dict[str, Any]:
    methods = {"topdown": {"type": "topdown", "recipes": ["centroid", "instance"]}}
    recipes = {"centroid": "centroid.yaml", "instance": "instance.yaml"}
    return {"datasets": {"flies": {"labels": ["labels.slp"]}}, "recipes": recipes, "methods": methods, **changes}


def faults(value: dict[str, Any]) -> str:
    with pytest.raises(InputProblems) as caught:
        load_project(value)
    return str(caught.value)


def test_defaults_are_those_of_the_architecture() -> None:
    found = load_project(project())
    assert (found.split.by, found.split.val, found.split.test, found.split.gap_frames) == ("block", 0.1, 0.2, "auto")
    assert found.seeds == (0,)
    assert found.predict.keep == ("poses", "frames", "slp")


def test_a_resolved_config_reads_back_equal() -> None:
    found = load_project(project(predict={"releases": ["dev-topdown"], "tracker": None}))
    assert load_project(found.model_dump(mode="json", by_alias=True)) == found


def test_all_unknown_keys_are_named_at_once_with_the_nearest() -> None:
    said = faults(project(spilt={}, predict={"batch": {"cuont": 3}}, datasets={"flies": {"lables": []}}))
    for place, near in (("spilt", "split"), ("predict.batch.cuont", "count"), ("datasets.flies.lables", "labels")):
        assert f"config key {place}: unknown key" in said
        assert f"did you mean '{near}'?" in said


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"seeds": ["0"]}, "key seeds[0]: found '0': should be a valid integer"),
        ({"compare": {"primary": "pkc_5px"}}, "no measure 'pkc_5px'; did you mean 'pck_5px'? (pck takes any whole px)"),
        ({"compare": {"primary": "pck_0px"}}, "there is no measure 'pck_0px'"),
        ({"behaviour": {"body_ends": ["nose"]}}, "key behaviour.body_ends: an entry of the list is missing; add it"),
        ({"recipes": {}, "datasets": {"flies": {"labels": {"path": "a"}}}}, "labels: should be a list; correct"),
        ({"seeds": [1, 1]}, "give each seed once"),
        ({"split": {"val": 0.6, "test": 0.5}}, "leave nothing to train on"),
        (
            {"split": {"gap_frames": "wide"}},
            "key split.gap_frames: found 'wide': should be a valid integer or should be",
        ),
        ({"split": {"by": "file"}}, "belong together"),
        ({"predict": {"releases": ["dev-topdwn"]}}, "did you mean 'dev-topdown'?"),
        ({"compare": {"baseline": "bottomup"}}, "there is no method 'bottomup'"),
        ({"speed": {"rounds": 4}}, "key speed.rounds: found 4"),  # rule 13: five pairs
        ({"learning_curve": {"percent": [50, 25]}}, "does not ascend"),
        ({"learning_curve": {"percent": [100]}}, "key learning_curve.percent[0]: found 100"),
        ({"learning_curve": {"seeds": [3]}}, "key learning_curve.seeds[0]: there is no seed 3"),
        ({"releases": {"r": {"method": "topdown", "fold": 2}}}, "there is no fold 2"),
        ({"releases": {"dev-r": {"method": "topdown"}}}, "choose another name"),
        ({"releases": {"r": {"bundle": "x.zip"}}}, "a bundle and its sha256 belong together"),
        ({"datasets": {"my flies": {}}}, "cannot name a folder"),
        ({"datasets": {}}, "there is no dataset"),
        ({"methods": {"m": {"type": "topdown", "recipes": ["centroid"]}}}, "is made of 2, found 1"),
        ({"methods": {"m": {"type": "bottomup", "recipes": ["bottomup"]}}}, "there is no recipe 'bottomup'"),
        ({"methods": {"m": {"type": "bottomup"}}}, "either recipes (to train), or models or a release"),
        (
            {"predict": {"also_write": ["nwb", "coco", "dlc_csv"]}},
            "ask for 7 files a video with status.json, at most 6",
        ),
        ({"predict": {"keep": ["slp"], "also_write": ["nwb"]}}, "also_write is made of poses and frames"),
    ],
)
def test_faults_are_said_in_words(changes: dict[str, Any], expected: str) -> None:
    assert expected in faults(project(**changes))


def test_a_dataset_may_have_no_labels() -> None:
    found = load_project(project(datasets={"flies": {"labels": None}, "mice": {}}))
    assert found.datasets["flies"].reading()["paths"] == found.datasets["mice"].reading()["paths"] == []


def test_sections_are_validated_by_themselves() -> None:
    assert validate(DatasetConfig, {"labels": ["a.slp"]}, "--dataset").reading()["paths"] == [Path("a.slp")]


def test_yaml_faults_name_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("datasets: {}\nseeds: [0]\ndatasets: {}\n")
    with pytest.raises(InputError, match=r"config\.yaml.*'datasets' stands there twice.*line 3"):
        load_project(path)
    path.write_text("datasets: [\n")
    with pytest.raises(InputError, match="no valid YAML"):
        load_project(path)
    with pytest.raises(InputError, match="does not exist"):
        load_project(tmp_path / "none.yaml")


def test_numbers_with_an_exponent_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("[1e-4, 2E5, 1.5e-3, -3e2]")
    assert read_yaml(tmp_path / "a.yaml") == [1e-4, 2e5, 1.5e-3, -300.0]


def test_yaml_cannot_run_code(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("!!python/object/apply:os.getcwd []")
    with pytest.raises(InputError, match="no valid YAML"):
        read_yaml(tmp_path / "a.yaml")


def test_a_config_is_frozen() -> None:
    found = load_project(project())
    with pytest.raises(ValueError, match="frozen"):
        found.seeds = (1,)  # type: ignore[misc]
    assert isinstance(found, ProjectConfig)


def test_a_label_file_may_differ_from_its_dataset() -> None:
    labels = ["a.slp", {"path": "b.slp", "label_source": "model", "complete": False}]
    found = load_project(project(datasets={"flies": {"labels": labels, "label_source": "corrected"}}))
    flies = found.datasets["flies"]
    assert [(file.path, file.label_source, file.complete) for file in flies.files] == [
        ("a.slp", "corrected", True),
        ("b.slp", "model", False),
    ]
    assert len(flies.declared()) == 2
    assert load_project(found.model_dump(mode="json", by_alias=True)) == found
    alike = load_project(project(datasets={"flies": {"labels": ["a.slp", {"path": "b.slp"}]}}))
    assert alike.datasets["flies"].declared() == []


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([{"path": "a", "lable_source": "model"}], "labels[0].lable_source: unknown key 'lable_source'; did you mean"),
        ([{"path": "a", "label_source": "me"}], "labels[0].label_source: found 'me'"),
        (["a", {"complete": True}], "labels[1].path: the key is missing"),
        ([3], "labels[0]: found 3: should be a valid string"),
    ],
)
def test_faults_of_a_label_file_name_its_place(labels: list[Any], expected: str) -> None:
    assert f"config key datasets.flies.{expected}" in faults(project(datasets={"flies": {"labels": labels}}))


def test_repeated_labels_need_labels_and_are_no_labels_themselves() -> None:
    assert "name those labels, too" in faults({"datasets": {"flies": {"repeated": ["again.slp"]}}})
    both = {"labels": [{"path": "again.slp"}], "repeated": ["again.slp"]}
    assert "again.slp stands in `labels` and in `repeated`" in faults({"datasets": {"flies": both}})
