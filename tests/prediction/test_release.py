from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from posewright.errors import InputError
from posewright.files import read_json, write_json
from posewright.prediction.release import Release, make_release, read_ledger, read_release
from posewright.prediction.thresholds import fixed
from posewright.shapes import DecodeOptions

DEFINITION = {"method": "dots", "fold": 0, "seed": 0}
MakeModel = Callable[..., Path]


def freeze(tmp_path: Path, name: str, models: list[Path], **settings: Any) -> Release:
    out = tmp_path / "releases" / name / "release.json"
    make_release(
        name, DEFINITION, models, out, tmp_path / "releases" / "ledger.tsv", **{"backend": "torch", **settings}
    )
    return read_release(out)


def folder_of(release: Release) -> Path:
    return release.bundle.parent


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_release_holds_all_it_needs(tmp_path: Path, make_model: MakeModel) -> None:
    models = [make_model("finder", "centroid", weights="c"), make_model("posture", "centered_instance", weights="i")]
    release = freeze(tmp_path, "flies", models, peak_threshold=0.3)
    assert release.models == ("0_finder", "1_posture")
    for model, folder in zip(models, release.unpacked(tmp_path / "work"), strict=True):
        for name in ("best.ckpt", "model.json", "training_config.yaml"):
            assert (folder / name).read_bytes() == (model / name).read_bytes()
    assert release.options == DecodeOptions(peak_threshold=0.3)
    assert release.skeleton.nodes == ("middle", "left", "never")
    value = read_json(folder_of(release) / "release.json")
    assert (value["name"], value["definition"], value["split_digest"]) == ("flies", DEFINITION, "split")
    cards = [read_json(model / "model.json") for model in models]
    assert [model["weights_sha256"] for model in value["models"]] == [card["weights_sha256"] for card in cards]


def test_tuned_thresholds_go_into_the_release(tmp_path: Path, make_model: MakeModel) -> None:
    tuned = DecodeOptions(peak_threshold=0.4, min_instance_score=0.1)
    write_json(tmp_path / "thresholds.json", {**fixed(tuned, "tuned"), "table": []})
    release = freeze(tmp_path, "dev-dots", [make_model()], thresholds=tmp_path / "thresholds.json")
    assert release.options == tuned
    assert release.digest != freeze(tmp_path, "dev-plain", [make_model()]).digest


def test_equal_weights_have_one_digest_under_any_name(tmp_path: Path, make_model: MakeModel) -> None:
    model = make_model()
    first = freeze(tmp_path, "dev-dots", [model])
    assert freeze(tmp_path, "flies-2026", [make_model("same", training={"seconds": 9.0})]).digest == first.digest
    others = [
        freeze(tmp_path, "dev-a", [make_model("other", weights="v")]),
        freeze(tmp_path, "dev-b", [make_model("other", crop=3)]),
        freeze(tmp_path, "dev-c", [model], peak_threshold=0.5),
    ]
    assert len({first.digest, *(other.digest for other in others)}) == 4


def test_a_release_of_another_number_type_is_not_run_in_this_one(tmp_path: Path, make_model: MakeModel) -> None:
    with pytest.raises(InputError, match="'bfloat16', which this version does not know"):
        freeze(tmp_path, "dev-dots", [make_model()], dtype="bfloat16")


def test_a_release_never_changes(tmp_path: Path, make_model: MakeModel) -> None:
    release = freeze(tmp_path, "flies", [make_model()])
    before = everything(folder_of(release))
    freeze(tmp_path, "flies", [make_model()])
    with pytest.raises(InputError, match=r"'flies' was made before .* new name"):
        freeze(tmp_path, "flies", [make_model(weights="new")])
    assert everything(folder_of(release)) == before


def test_a_lost_release_comes_back_as_it_was_or_not_at_all(tmp_path: Path, make_model: MakeModel) -> None:
    release = freeze(tmp_path, "flies", [make_model()])
    (folder_of(release) / "release.json").unlink()
    with pytest.raises(InputError, match="new name"):
        freeze(tmp_path, "flies", [make_model(weights="new")])
    assert not (folder_of(release) / "release.json").exists()
    assert freeze(tmp_path, "flies", [make_model(weights="w")]).digest == release.digest
    assert read_ledger(tmp_path / "releases" / "ledger.tsv") == {"flies": release.digest}


def test_a_working_release_may_change_and_leaves_nothing_behind(tmp_path: Path, make_model: MakeModel) -> None:
    freeze(tmp_path, "dev-dots", [make_model("a", "centroid"), make_model("b")])
    release = freeze(tmp_path, "dev-dots", [make_model("c", weights="new")])
    assert sorted(os.listdir(folder_of(release))) == ["dev-dots.posewright", "release.json"]
    assert release.models == ("0_c",)
    assert read_ledger(tmp_path / "releases" / "ledger.tsv") == {}


def test_a_release_that_fails_is_none(tmp_path: Path, make_model: MakeModel) -> None:
    freeze(tmp_path, "dev-dots", [make_model("a")])
    broken = make_model("b", weights="new")
    (broken / "training_config.yaml").unlink()
    with pytest.raises(FileNotFoundError):
        freeze(tmp_path, "dev-dots", [broken])
    assert os.listdir(tmp_path / "releases" / "dev-dots") == ["dev-dots.posewright"]


def test_damaged_weights_make_no_release(tmp_path: Path, make_model: MakeModel) -> None:
    broken, other = make_model("a"), make_model("b", weights="other")
    shutil.copyfile(other / "best.ckpt", broken / "best.ckpt")
    with pytest.raises(InputError, match=r"are not those that model\.json beside it names"):
        freeze(tmp_path, "flies", [broken])
    assert not (tmp_path / "releases" / "flies" / "release.json").exists()
    assert read_ledger(tmp_path / "releases" / "ledger.tsv") == {}


@pytest.mark.parametrize(
    ("asked", "site_has_gpu", "torch_has_gpu", "chosen"),
    [
        ("auto", False, False, "openvino"),
        ("auto", True, False, "torch"),
        ("auto", False, True, "torch"),
        ("openvino", True, True, "openvino"),
        ("torch", False, False, "torch"),
    ],
)
def test_what_auto_means_is_chosen_when_the_release_is_made(
    tmp_path: Path,
    make_model: MakeModel,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    site_has_gpu: bool,
    torch_has_gpu: bool,
    chosen: str,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: torch_has_gpu)
    monkeypatch.setattr("posewright.prediction.export._export_openvino", lambda folder: None)
    assert freeze(tmp_path, "dev-dots", [make_model()], backend=asked, gpu=site_has_gpu).backend == chosen


def test_models_must_fit_each_other(tmp_path: Path, make_model: MakeModel) -> None:
    with pytest.raises(InputError, match="different splits"):
        freeze(tmp_path, "dev-x", [make_model("a", "centroid", split_digest="one"), make_model("b")])
    with pytest.raises(InputError, match="different nodes"):
        freeze(tmp_path, "dev-x", [make_model("a", skeleton={"nodes": ["x"]}), make_model("b")])
    with pytest.raises(InputError, match="finds the animal's nodes"):
        freeze(tmp_path, "dev-x", [make_model("a", "centroid")])
    with pytest.raises(InputError, match="no finished model"):
        freeze(tmp_path, "dev-x", [tmp_path / "nothing"])
