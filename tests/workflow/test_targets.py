"""What each target and choice of the config asks for, and what it leaves alone. About the graph only (standin.py)."""

from __future__ import annotations

import shutil

from .tiny_project import AFTER_TOPDOWN, Project


def test_suggestions_bring_a_purged_store_back(finished: Project) -> None:
    shutil.rmtree(finished.folder / "work" / "store")
    done = finished.snakemake("suggest")
    assert done.code == 0 and "operator expected" not in done.text, done.text
    assert (finished.folder / "work" / "store" / "flies" / "store.json").exists()
    assert (finished.folder / "results" / "flies" / "suggestions" / "suggestions.json").exists()


def test_one_model_is_trained_alone(fresh: Project) -> None:
    done = fresh.dry_run("results/flies/models/instance/fold0_seed0/model.json")
    assert done.rules == {"check_inputs", "split_labels", "store_frames", "train_model"}
    assert [job for job in done.jobs if job.startswith("train_model")] == ["train_model[flies instance 0 0]"]


def test_the_test_frames_are_read_by_final_only(finished: Project) -> None:
    assert not any("test" in job for job in finished.dry_run("--forceall").jobs)
    done = finished.dry_run("final")
    assert "evaluate_method[flies topdown 0 0 test]" in done.jobs
    assert "build_report[flies final]" in done.jobs
    assert not {"train_model", "predict_videos", "split_labels"} & done.rules


def test_thresholds_go_from_validation_to_test_frames_and_releases(finished: Project) -> None:
    run = "results/flies/evaluation/topdown/fold0_seed0"
    release = "results/flies/releases/dev-topdown/release.json"
    (finished.folder / run / "val" / "thresholds.json").write_text('{"peak_threshold": 0.9}')
    assert finished.dry_run(release).jobs == ["make_release[flies dev-topdown]"]
    shutil.rmtree(finished.folder / run)
    done = finished.dry_run(f"{run}/test/metrics.json")
    assert done.jobs == ["evaluate_method[flies topdown 0 0 test]", "evaluate_method[flies topdown 0 0 val]"]


def test_thresholds_set_by_the_config_wait_for_no_evaluation(finished: Project) -> None:
    finished.change_config(predict={**finished.config["predict"], "peak_threshold": 0.3})
    release = "results/flies/releases/dev-topdown/release.json"
    assert finished.dry_run(release).rules == {"make_release"}


def test_another_grid_tunes_again_and_retrains_nothing(finished: Project) -> None:
    finished.change_config(compare={"tuning": {"grid": [0.2, 0.4]}})
    done = finished.dry_run()
    assert {"evaluate_method", "make_release", "compare_methods"} <= done.rules
    assert "train_model" not in done.rules


def test_a_frozen_release_that_exists_has_no_rule(finished: Project) -> None:
    frozen = {"flies-2026": {"method": "topdown", "fold": 0, "seed": 0}}
    finished.change_config(releases=frozen, predict={**finished.config["predict"], "releases": ["flies-2026"]})
    finished.run()
    recipe = finished.recipe("instance")
    recipe.write_text(recipe.read_text().replace("sigma: 2.5", "sigma: 1.5"))
    done = finished.dry_run("results/status.tsv")
    assert done.nothing
    assert not {"make_release", "predict_videos"} & finished.dry_run().rules


def test_a_refit_is_frozen_as_any_release(finished: Project) -> None:
    frozen = {"everything": {"method": "topdown", "fold": 0, "seed": 0, "refit": True}}
    finished.change_config(releases=frozen, predict={**finished.config["predict"], "releases": ["everything"]})
    finished.run()
    assert finished.dry_run().nothing
    recipe = finished.recipe("instance")
    recipe.write_text(recipe.read_text().replace("sigma: 2.5", "sigma: 1.5"))
    assert not {"refit_model", "make_release", "predict_videos"} & finished.dry_run().rules
    finished.change_config(releases={"everything": {**frozen["everything"], "refit": False}})
    assert "releases never change" in finished.snakemake("--dry-run").text


def test_a_changed_definition_of_a_release_is_an_error(finished: Project) -> None:
    frozen = {"flies-2026": {"method": "topdown", "fold": 0, "seed": 0}}
    finished.change_config(releases=frozen, predict={**finished.config["predict"], "releases": ["flies-2026"]})
    finished.run()
    finished.change_config(releases={"flies-2026": {"method": "bottomup", "fold": 0, "seed": 0}})
    done = finished.snakemake("--dry-run")
    assert done.code != 0
    assert "releases never change" in done.text
    assert "Traceback" not in done.text


def test_speed_is_measured_on_request_only_and_makes_nothing_else_run(finished: Project) -> None:
    asked = finished.dry_run("speed").jobs
    assert "measure_speed[flies]" in asked
    assert not {"train_model", "evaluate_method", "compare_methods", "predict_videos"} & {
        job.partition("[")[0] for job in asked
    }
    finished.run("speed")
    assert finished.dry_run("speed").nothing
    assert finished.dry_run().jobs == ["build_report[flies index]"]
    finished.run()
    assert finished.dry_run().nothing
    recipe = finished.recipe("instance")
    recipe.write_text(recipe.read_text().replace("sigma: 2.5", "sigma: 1.5"))
    assert "measure_speed" not in finished.dry_run().rules
    assert {"train_model", "make_release", "measure_speed"} <= finished.dry_run("speed").rules


def test_choosing_checkpoints_comes_between_training_and_all_that_uses_models(finished: Project) -> None:
    models = {f"train_model[flies {recipe} 0 0]" for recipe in ("centroid", "instance", "bottomup")}
    chosen = {
        f"choose_checkpoint[flies {choice} 0 0]"
        for choice in ("topdown centroid", "topdown instance", "bottomup bottomup")
    }
    finished.change_config(compare={"checkpoints": "primary"})
    jobs = set(finished.dry_run().jobs)
    assert {*models, *chosen, *AFTER_TOPDOWN} <= jobs  # trained again: the candidates were not kept
    finished.run()
    assert finished.dry_run().nothing
    assert not finished.dry_run("final").rules & {"train_model", "choose_checkpoint"}
    finished.change_config(compare={"checkpoints": "primary", "primary": "pck_3px"})
    again = finished.dry_run()
    assert {job for job in again.jobs if job.startswith("choose_checkpoint")} == chosen
    assert "train_model" not in again.rules
    finished.change_config(compare={"checkpoints": "loss"})
    back = finished.dry_run()
    assert not {"train_model", "choose_checkpoint"} & back.rules
    assert set(back.jobs) >= AFTER_TOPDOWN


def test_a_method_that_cannot_become_a_release_does_not_stop_the_others_being_timed(finished: Project) -> None:
    (finished.folder / "theirs.slp").write_bytes(b"poses")
    (finished.folder / "peer").mkdir()
    (finished.folder / "peer" / "training_config.yaml").write_text("model_config: {}\n")
    methods = {
        **finished.config["methods"],
        "files": {"type": "topdown", "predictions": ["theirs.slp"]},
        "peer": {"type": "bottomup", "models": [{"path": "peer"}]},
    }
    finished.change_config(methods=methods)
    jobs = finished.dry_run("speed").jobs
    assert "measure_speed[flies]" in jobs
    assert {"make_release[flies dev-bottomup]"} == {job for job in jobs if job.startswith("make_release")}
    assert not [job for job in jobs if "peer" in job or "files" in job]


def test_a_learning_curve_trains_parts_on_request_only_and_nothing_of_the_main_chain(finished: Project) -> None:
    finished.change_config(learning_curve={"percent": [25, 50]})
    assert finished.dry_run().nothing
    jobs = finished.dry_run("learning_curve").jobs
    parts = {"0_part25", "0_part50"}
    trained = {tuple(job[12:-1].split()) for job in jobs if job.startswith("train_model[")}
    assert trained == {
        ("flies", recipe, part, "0") for recipe in ("centroid", "instance", "bottomup") for part in parts
    }
    assert {job for job in jobs if job.startswith("take_part")} == {"take_part[flies 0 25]", "take_part[flies 0 50]"}
    assert len([job for job in jobs if job.startswith("evaluate_method")]) == 4
    assert not {"split_labels", "compare_methods", "make_release"} & {job.partition("[")[0] for job in jobs}
    finished.run("learning_curve")
    assert finished.dry_run("learning_curve").nothing
    assert finished.dry_run().jobs == ["build_report[flies index]"]
    finished.change_config(learning_curve={"percent": [10, 25, 50]})
    again = [job for job in finished.dry_run("learning_curve").jobs if job.startswith("train_model")]
    assert len(again) == 3 and all("0_part10" in job for job in again)
