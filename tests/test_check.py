"""check_inputs: everything that is wrong in one error, facts when nothing is."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from posewright.check import check_inputs
from posewright.check_recipes import check_methods
from posewright.config.project import load_project
from posewright.config.recipe import load_recipe
from posewright.errors import InputError, InputProblems
from posewright.files import read_json
from posewright.findings import Findings
from posewright.labels.memory import recall_groups, remember_groups
from posewright.labels.read import read_labels
from posewright.labels.split import split_labels
from posewright.labels.write import write_labels


def recipe(folder: Path, name: str, head: str, leaf: dict[str, Any] | None = None, **data: Any) -> str:
    path = folder / f"{name}.yaml"
    heads = {head: {"confmaps": leaf or {}}}
    model = {"backbone_config": {"unet": {}}, "head_configs": heads}
    path.write_text(yaml.safe_dump({"model_config": model, "data_config": {"preprocessing": data}}))
    return str(path)


def check(folder: Path, labels: list[Path], methods: dict[str, Any] | None = None, **more: Any) -> Any:
    dataset = {"labels": [str(path) for path in labels], "label_source": "human", **more.pop("dataset", {})}
    project = load_project({"datasets": {"data": dataset}, "methods": methods or {}, **more})
    check_inputs(project, "data", folder / "check.json")
    return read_json(folder / "check.json")


def faults(folder: Path, labels: list[Path], methods: dict[str, Any] | None = None, **more: Any) -> str:
    with pytest.raises(InputProblems) as caught:
        check(folder, labels, methods, **more)
    assert not (folder / "check.json").exists()
    return str(caught.value)


def test_sound_inputs_give_facts(shared_data: Path, tmp_path: Path) -> None:
    methods = {
        "topdown": {"type": "topdown", "recipes": ["centroid", "instance"]},
        "bottomup": {"type": "bottomup", "recipes": ["bottomup"]},
        "named_topdown": {"type": "multi_class_topdown", "recipes": ["centroid", "named_instance"]},
        "named_bottomup": {"type": "multi_class_bottomup", "recipes": ["named_bottomup"]},
    }
    recipes = {
        "centroid": recipe(tmp_path, "centroid", "centroid", {"anchor_part": "thorax"}),
        "instance": recipe(tmp_path, "instance", "centered_instance", {"anchor_part": "thorax"}, crop_size=160),
        "bottomup": recipe(tmp_path, "bottomup", "bottomup"),
        "named_instance": recipe(tmp_path, "named", "multi_class_topdown", {"anchor_part": "thorax"}, crop_size=160),
        "named_bottomup": recipe(tmp_path, "named_bottomup", "multi_class_bottomup"),
    }
    facts = check(tmp_path, [shared_data / "flies-pair" / "labels.slp"], methods, recipes=recipes)
    assert facts["labels"]["frames"] == 960
    assert facts["labels"]["instances"] == 1920
    assert facts["labels"]["tracks"] == ["fly_1", "fly_2"]
    (video,) = facts["labels"]["videos"]
    assert set(video.pop("frame_check")["seeking"].values()) == {0}
    assert video == {"path": "video.mp4", "frames": 960, "instances": 1920, "size": [384, 384, 1], "n_frames": 1100}
    assert sum(facts["split"][0][side] for side in ("train", "val", "test")) == 960
    assert facts["recipes"]["instance"]["model_type"] == "centered_instance"


@pytest.mark.parametrize("name", ["mouse-openfield/config.yaml", "mice-home/labels.pkg.slp", "mice-home/labels.slp"])
def test_other_formats_are_sound(shared_data: Path, tmp_path: Path, name: str) -> None:
    facts = check(tmp_path, [shared_data / name], split={"block_frames": 5, "gap_frames": 0})
    assert facts["labels"]["videos"][0]["size"] is not None


def test_a_dataset_without_labels_only_predicts(tmp_path: Path) -> None:
    (tmp_path / "videos.tsv").write_text("video\tpath\nv1\tmissing.mp4\n")
    facts = check(tmp_path, [], videos=str(tmp_path / "videos.tsv"))
    assert facts["labels"] is None
    assert facts["sheet"] == {"videos": 1}


def test_all_problems_are_told_at_once(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "videos.tsv").write_text("video\tpath\nv1\ta.mp4\nv1\tb.mp4\n")
    methods = {
        "topdown": {"type": "topdown", "recipes": ["centroid", "instance"]},
        "swapped": {"type": "topdown", "recipes": ["centroid", "bottomup"]},
        "single": {"type": "single_instance", "recipes": ["single"]},
        "gone": {"type": "bottomup", "recipes": ["gone"]},
    }
    recipes = {
        "centroid": recipe(tmp_path, "centroid", "centroid", {"anchor_part": "head"}, max_height=500),
        "instance": recipe(tmp_path, "instance", "centered_instance", {"anchor_part": "thorx"}, crop_size=60),
        "bottomup": recipe(tmp_path, "bottomup", "bottomup", {"output_stride": 32}),
        "single": recipe(tmp_path, "single", "single_instance", {"part_names": ["head"]}),
        "gone": str(tmp_path / "gone.yaml"),
    }
    labels = [shared_data / "flies-pair" / "labels.slp"]
    split = {"by": "video"}
    said = faults(tmp_path, labels, methods, recipes=recipes, split=split, videos=str(tmp_path / "videos.tsv"))
    for expected in (
        "videos.tsv row 3 column video: the id 'v1' already stands in row 2",
        "gone.yaml: the file does not exist",
        "max_height: 500 differs from the frames' own 384",
        "An empty side of the split",
        "anchor_part: there is no node 'thorx'; did you mean 'thorax'?\n",
        "crop_size: 60 px at scale 1 does not divide by the max_stride 16; use 48 or 64",
        "crop_size: 60 px is smaller than the animals: ",
        "set null to have it measured (",
        "confmaps.output_stride: 32 exceeds the backbone's max_stride 16",
        "part_names: ['head'] are not the nodes of the labels",
        "methods.topdown.recipes: anchor_part differs",
        "methods.swapped.recipes: the type topdown needs centroid and centered_instance",
        "methods.single: single_instance finds one animal, but up to 2",
    ):
        assert expected in said


def test_bottom_up_needs_edges_without_a_ring(shared_data: Path, tmp_path: Path) -> None:
    method = {"bottomup": {"type": "bottomup", "recipes": ["bottomup"]}}
    recipes = {"bottomup": recipe(tmp_path, "bottomup", "bottomup")}
    mouse = shared_data / "mouse-openfield" / "config.yaml"
    assert "the skeleton has no edges" in faults(tmp_path, [mouse], method, recipes=recipes)
    labels = read_labels([shared_data / "mice-home" / "labels.slp"])
    edges = (*labels.skeleton.edges, (labels.skeleton.edges[0][1], labels.skeleton.edges[1][1]))
    ring = type(labels.skeleton)(labels.skeleton.nodes, edges)
    write_labels(type(labels)(ring, labels.videos, labels.frames), tmp_path / "ring.slp")
    said = faults(
        tmp_path,
        [tmp_path / "ring.slp"],
        method,
        recipes=recipes,
        dataset={"video_paths": [str(shared_data / "mice-home")]},
    )
    assert "form a ring, closed by nose - earL" in said


def test_identities_that_are_not_labelled_are_told(shared_data: Path, tmp_path: Path) -> None:
    methods = {"named": {"type": "multi_class_bottomup", "recipes": ["named"]}}
    recipes = {"named": recipe(tmp_path, "named", "multi_class_bottomup")}
    robot = faults(tmp_path, [shared_data / "mouse-openfield" / "config.yaml"], methods, recipes=recipes)
    assert "class_maps.classes: two or more identities are needed" in robot
    heads = {"multi_class_bottomup": {"class_maps": {"classes": ["fly_1", "fly_3"]}}}
    value = {"model_config": {"backbone_config": {"unet": {}}, "head_configs": heads}}
    (tmp_path / "named.yaml").write_text(yaml.safe_dump(value))
    flies = faults(tmp_path, [shared_data / "flies-pair" / "labels.slp"], methods, recipes=recipes)
    assert "no labelled animal has the track 'fly_3'; correct the list, or set null to learn all tracks" in flies


def test_each_label_file_tells_its_own_fault(shared_data: Path, tmp_path: Path) -> None:
    files = [
        shared_data / "flies-pair" / "raw_predictions.slp",
        tmp_path / "none.slp",
        shared_data / "tiny" / "robot.slp",
    ]
    said = faults(tmp_path, files)
    assert "raw_predictions.slp: the file holds no user instances" in said
    assert "none.slp: the label file does not exist" in said
    assert "skeletons differ" in faults(tmp_path, [shared_data / "flies-pair" / "labels.slp", files[2]])


def test_missing_and_broken_videos_are_told(shared_data: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.slp"
    shutil.copy(shared_data / "mice-home" / "labels.slp", labels)
    assert "labelled video 'video.mp4': the file was not found; add its folder to video_paths" in faults(
        tmp_path, [labels]
    )
    (tmp_path / "video.mp4").touch()
    assert "(empty_file)" in faults(tmp_path, [labels])
    (tmp_path / "video.mp4").write_bytes(b"no video at all" * 100)
    assert "(not_a_video)" in faults(tmp_path, [labels])
    shutil.copy(shared_data / "tiny" / "robot.mp4", tmp_path / "video.mp4")
    (tmp_path / "video.mp4").chmod(0o644)
    assert "empty or truncated: frame" in faults(tmp_path, [labels])


def test_ends_of_the_body_that_are_no_nodes_are_told_where_they_will_be_needed(
    shared_data: Path, tmp_path: Path
) -> None:
    labels, methods = [shared_data / "mice-home" / "labels.slp"], {"m": {"type": "bottomup", "models": [{"path": "m"}]}}
    behaviour, split = {"body_ends": ["nose", "tial"]}, {"block_frames": 5, "gap_frames": 0}
    two = {"releases": ["dev-m", "last"]}
    releases = {"last": {"method": "m"}}
    said = faults(tmp_path, labels, methods, behaviour=behaviour, predict=two, releases=releases, split=split)
    assert "behaviour.body_ends: there is no node 'tial'; " in said
    one = {"releases": ["dev-m"]}  # with a single release no behaviour is compared
    assert "body_ends" not in faults(tmp_path, labels, methods, behaviour=behaviour, predict=one, split=split)


def test_models_and_files_that_methods_come_with_have_to_be_there(shared_data: Path, tmp_path: Path) -> None:
    labels, split = [shared_data / "mice-home" / "labels.slp"], {"block_frames": 5, "gap_frames": 0}
    methods = {
        "ours": {"type": "bottomup", "models": [{"path": "no/model"}]},
        "theirs": {"type": "bottomup", "predictions": ["no.slp", str(labels[0])], "trained_on": ["not.slp"]},
        "peer": {"type": "bottomup", "models": [{"path": str(_model_of_sleap_nn(tmp_path, "convnext"))}]},
        "sound": {"type": "bottomup", "models": [{"path": str(_model_of_sleap_nn(tmp_path, "unet"))}]},
    }
    said = faults(tmp_path, labels, methods, split=split)
    assert "methods.ours.models: no/model is no folder; name that of a trained model." in said
    assert "methods.theirs.predictions: no.slp does not exist; correct the path." in said
    assert "methods.theirs.trained_on: not.slp does not exist; correct the path." in said
    assert "is a bottomup model of sleap-nn on convnext" in said
    assert said.startswith("4 problems")


def _model_of_sleap_nn(folder: Path, backbone: str) -> Path:
    """A folder with the settings of such a model; the check does not look at the weights."""
    heads = {"confmaps": {"part_names": ["a", "b"], "sigma": 2.5}, "pafs": {"edges": [["a", "b"]], "sigma": 15.0}}
    model = {"backbone_config": {backbone: {"max_stride": 16}}, "head_configs": {"bottomup": heads, "centroid": None}}
    made = folder / backbone
    made.mkdir()
    (made / "best.ckpt").touch()
    (made / "training_config.yaml").write_text(yaml.safe_dump({"data_config": {}, "model_config": model}))
    return made


def test_missing_images_are_told(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "labeled-data" / "video"
    folder.mkdir(parents=True)
    source = shared_data / "formats" / "dlc" / "labeled-data" / "video"
    for name in ("dlc_testdata.csv", "img000.png"):
        shutil.copy(source / name, folder)
    assert "of its images are missing, the first is" in faults(tmp_path, [folder / "dlc_testdata.csv"])


def test_an_unknown_dataset_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'flies'"):
        check_inputs(load_project({"datasets": {"flies": {}}}), "flis", tmp_path / "check.json")


def test_a_training_without_validation_is_told(shared_data: Path, tmp_path: Path) -> None:
    said = faults(tmp_path, [shared_data / "flies-pair" / "labels.slp"], split={"val": 0})
    assert "split.val is 0, but every training needs a validation side" in said


def test_the_split_that_is_checked_is_the_one_that_will_be_made(shared_data: Path, tmp_path: Path) -> None:
    data = {"datasets": {"data": {"labels": [str(shared_data / "flies-pair" / "labels.slp")], "label_source": "model"}}}
    project = load_project({**data, "split": {"gap_frames": 3}})
    table = tmp_path / "groups.tsv"
    remember_groups(table, project.split, {"video.mp4/b0": "test", "video.mp4/b1": "val", "video.mp4/b2": "train"})
    check_inputs(project, "data", tmp_path / "check.json", table)
    labels = read_labels([shared_data / "flies-pair" / "labels.slp"])
    remembered = recall_groups(table, project.split)
    made = split_labels(labels, by="block", val=0.1, test=0.2, gap_frames=3, remembered=remembered)
    assert remembered.items() <= made.places.items()
    assert read_json(tmp_path / "check.json")["split"][0]["digest"] == made.digest
    assert made.digest != split_labels(labels, by="block", val=0.1, test=0.2, gap_frames=3).digest
    check_inputs(load_project(data), "data", tmp_path / "check.json", table)
    facts = read_json(tmp_path / "check.json")["split"][0]
    assert (facts["val"], facts["test"]) == (len(made.val.frames), len(made.test.frames))
    assert (facts["gap_frames"], facts["dropped"], facts["digest"]) == (None, None, None)
    assert facts["gap_reason"].startswith("not measured yet")


def test_a_recipe_that_no_plan_can_fill_is_told_by_its_name(shared_data: Path, tmp_path: Path) -> None:
    labels = [shared_data / "flies-pair" / "labels.slp"]
    methods = {"topdown": {"type": "topdown", "recipes": ["centroid", "instance"]}}
    recipes = {"centroid": recipe(tmp_path, "centroid", "centroid", {"anchor_part": "thorax"})}
    recipes["instance"] = recipe(tmp_path, "instance", "centered_instance", {"anchor_part": "thorx"}, crop_size="auto")
    place = f"recipe instance ({recipes['instance']}) key model_config.head_configs.centered_instance.confmaps"
    said = faults(tmp_path, labels, methods, recipes=recipes)
    assert f"{place}.anchor_part: there is no node 'thorx'; did you mean 'thorax'?" in said


@pytest.mark.parametrize(
    ("freeze", "start", "backbone", "said"),
    [
        ("encoder", None, {"unet": {}}, "encoder would keep the encoder at random first weights"),
        ("backbone", None, {"unet": {}}, "backbone would keep the encoder and decoder at random first weights"),
        ("encoder", "head", {"unet": {}}, "encoder would keep the encoder at random first weights"),
        ("encoder", "backbone", {"unet": {}}, None),
        ("backbone", "whole", {"unet": {}}, None),
        ("encoder", None, {"convnext": {"pre_trained_weights": "ConvNeXt_Tiny_Weights"}}, None),
        (
            "backbone",
            None,
            {"convnext": {"pre_trained_weights": "ConvNeXt_Tiny_Weights"}},
            "backbone would keep the decoder at random first weights, for pre_trained_weights are of the encoder",
        ),
        ("none", None, {"unet": {}}, None),
    ],
)
def test_what_is_frozen_has_learnt_before(
    shared_data: Path, tmp_path: Path, freeze: str, start: str | None, backbone: dict[str, Any], said: str | None
) -> None:
    own = {"freeze": freeze, "start_from": start and {"path": "model", "parts": start}}
    model = {"backbone_config": backbone, "head_configs": {"bottomup": {}}}
    path = tmp_path / "bottomup.yaml"
    path.write_text(yaml.safe_dump({"model_config": model, "posewright": own}))
    labels, found = read_labels([shared_data / "flies-pair" / "labels.slp"]), Findings()
    project = load_project({"datasets": {"data": {}}, "recipes": {"bottomup": str(path)}})
    check_methods(project, {"bottomup": load_recipe(path)}, labels, found)
    told = "\n".join(map(str, found.problems))
    assert told == "" if said is None else f"bottomup.yaml) key posewright.freeze: {said}" in told


def test_recipes_are_checked_with_the_values_of_the_plan(shared_data: Path, tmp_path: Path) -> None:
    labels = [shared_data / "flies-pair" / "labels.slp"]
    methods = {"topdown": {"type": "topdown", "recipes": ["centroid", "instance"]}}
    recipes = {
        "centroid": recipe(tmp_path, "centroid", "centroid", {"anchor_part": "thorax"}),
        "instance": recipe(tmp_path, "instance", "centered_instance", {"anchor_part": "auto"}, crop_size="auto"),
    }
    check(tmp_path, labels, methods, recipes=recipes)  # the plan's anchor is the thorax too
    (tmp_path / "check.json").unlink()
    recipes["centroid"] = recipe(tmp_path, "centroid", "centroid", {"anchor_part": "head"})
    assert "centroid has 'head', instance has 'thorax'" in faults(tmp_path, labels, methods, recipes=recipes)
    recipes["bottomup"] = recipe(tmp_path, "bottomup", "bottomup", {"anchor_part": "auto"})
    methods["bottomup"] = {"type": "bottomup", "recipes": ["bottomup"]}
    assert "which makes no use of it" in faults(tmp_path, labels, methods, recipes=recipes)
