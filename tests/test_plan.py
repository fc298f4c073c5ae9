from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from posewright.errors import InputError
from posewright.evaluation.question import question_digest
from posewright.files import write_json
from posewright.layout import read_rows, release_file
from posewright.plan import Plan

RECIPE = {
    "model_config": {
        "backbone_config": {"unet": {"filters": 8}},
        "head_configs": {"single_instance": {"confmaps": {"sigma": 2.5}}},
    }
}
CONFIG: dict[str, Any] = {
    "datasets": {"mouse": {"labels": []}},
    "recipes": {"pose": "pose.yaml"},
    "methods": {"one": {"type": "single_instance", "recipes": ["pose"]}},
    "seeds": [3, 4],
    "releases": {"mouse-1": {"method": "one", "seed": 4}},
    "videos": "data/videos.tsv",
    "predict": {"releases": ["dev-one"], "batch": {"count": 2}},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("pose.yaml").write_text(yaml.safe_dump(RECIPE))
    Path("data").mkdir()
    Path("data/videos.tsv").write_text("video\tpath\tnote\nv0\ta/0.mp4\tgood\nv1\t/far/1.mp4\t\nv2\t2.mp4\t\n")
    return tmp_path


def plan(**sections: Any) -> Plan:
    return Plan.load({**CONFIG, **sections})


def test_paths_in_the_sheet_begin_at_its_own_folder(folder: Path) -> None:
    assert [row.path for row in read_rows(Path("data/videos.tsv"))] == ["data/a/0.mp4", "/far/1.mp4", "data/2.mp4"]


def test_every_video_is_in_a_batch_with_the_columns_that_reach_prediction(folder: Path) -> None:
    here = plan()
    for video in here.videos.ids("mouse"):
        rows = json.loads(here.videos.batch_rows("mouse", here.videos.batch_of("mouse", video)))
        assert video in [row["video"] for row in rows]
        assert all("note" not in row and "extra" not in row for row in rows)


def test_a_working_release_is_the_first_fold_and_seed(folder: Path) -> None:
    assert plan().releases.definition("dev-one") == {"method": "one", "fold": 0, "seed": 3}
    assert plan().releases.definition("mouse-1") == {"method": "one", "fold": 0, "seed": 4}


def test_a_frozen_release_is_not_made_again_and_not_changed(folder: Path) -> None:
    assert plan().releases.to_make("mouse") == ["dev-one", "mouse-1"]
    write_json(Path(release_file("mouse", "mouse-1")), {"definition": plan().releases.definition("mouse-1")})
    assert plan().releases.to_make("mouse") == ["dev-one"]
    with pytest.raises(InputError, match="releases never change"):
        plan(releases={"mouse-1": {"method": "one", "seed": 3}}).releases.to_make("mouse")


def test_speed_is_in_no_identity(folder: Path) -> None:
    before = plan()
    slow = {**RECIPE, "trainer_config": {"train_data_loader": {"num_workers": 4}, "trainer_accelerator": "cpu"}}
    Path("pose.yaml").write_text(yaml.safe_dump(slow))
    after = plan(predict={**CONFIG["predict"], "on_missing": "report", "max_failed_fraction": 0.5, "frames_at_once": 4})
    assert after.methods.recipe_identity("pose") == before.methods.recipe_identity("pose")
    assert after.videos.identity() == before.videos.identity()
    assert after.methods.recipe_json("pose") != before.methods.recipe_json("pose")


def test_models_of_the_peer_are_timed_and_folders_of_nobody_are_not(folder: Path) -> None:
    methods = {}
    for name, files in {"peer": ("training_config.yaml", "best.ckpt"), "nobody": ("best.ckpt",)}.items():
        Path(name).mkdir()
        for file in files:
            Path(name, file).touch()
        methods[name] = {"type": "single_instance", "models": [{"path": name}]}
    here = plan(methods={**CONFIG["methods"], **methods}).releases
    assert set(here.timed()) == {"one", "peer"}
    assert "nobody holds neither" in here.untimed()["nobody"]


def test_what_is_not_available_is_refused_and_not_ignored(folder: Path) -> None:
    with pytest.raises(InputError, match=r"predict\.dtype.*float32"):
        plan(predict={"dtype": "bfloat16"})


def test_models_that_are_not_trained_here_are_scored_once(folder: Path) -> None:
    here = plan(methods={**CONFIG["methods"], "theirs": {"type": "single_instance", "models": [{"path": "there"}]}})
    assert here.methods.seeds_of("one") == [3, 4]
    assert here.methods.seeds_of("theirs") == [3]
    assert here.methods.folders("theirs") == ["there"]


def test_other_first_weights_are_another_training_wherever_they_lie(folder: Path) -> None:
    Path("pose.yaml").write_text(yaml.safe_dump({**RECIPE, "posewright": {"start_from": {"path": "first.ckpt"}}}))
    with pytest.raises(InputError, match=r"first\.ckpt does not exist"):
        plan()
    Path("first.ckpt").write_bytes(b"weights")
    before = plan().methods.recipe_identity("pose")
    Path("first.ckpt").rename("moved.ckpt")
    Path("pose.yaml").write_text(yaml.safe_dump({**RECIPE, "posewright": {"start_from": {"path": "moved.ckpt"}}}))
    assert plan().methods.recipe_identity("pose") == before
    Path("moved.ckpt").write_bytes(b"others")
    assert plan().methods.recipe_identity("pose") != before


def test_a_bundle_is_what_its_digest_says_wherever_it_lies(folder: Path) -> None:
    one, other = ({"bundle": place, "sha256": "a" * 64} for place in ("here.posewright", "https://there/x.posewright"))
    plans = [plan(releases={"brought": made}, predict={"releases": ["brought"]}) for made in (one, other)]
    assert plans[0].releases.definition_json("brought") == plans[1].releases.definition_json("brought")
    assert plans[1].releases.bundle_words("brought") == ["--bundle", "https://there/x.posewright"]
    assert plans[0].releases.predicting("mouse") == ["brought"]  # no labels are needed for it
    assert plans[0].releases.bundle_words("dev-one") == []
    with pytest.raises(InputError, match="has no labels"):
        plan().releases.predicting("mouse")


def test_models_with_a_digest_are_compared_with_it(folder: Path) -> None:
    models = [{"path": "a", "sha256": "b" * 64}, {"path": "c"}]
    here = plan(methods={**CONFIG["methods"], "theirs": {"type": "topdown", "models": models}})
    assert here.methods.checkpoint_words("theirs") == [
        "--checkpoints",
        json.dumps({"a": "b" * 64}, separators=(",", ":")),
    ]
    assert here.methods.checkpoint_words("one") == here.methods.checkpoint_words(None) == []


def test_repeated_labels_are_part_of_the_question_where_they_scale_what_decides(folder: Path) -> None:
    for primary, is_part in (("oks", True), ("swap_share", True), ("pck_5px", False)):
        methods = plan(compare={"primary": primary}).methods
        asked = methods.question(["digest"])
        assert (asked != methods.question()) == is_part
        assert question_digest(json.loads(methods.comparison_settings(["digest"])), ["one"]) == asked
