"""What is done again, and what is not. About the graph only: the scripts are stand-ins (standin.py)."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import sleap_io
import yaml

from posewright.config.stages import STAGE_VERSION
from posewright.files import file_digest

from .tiny_project import ROOT, Project, write_label_file

AFTER_TOPDOWN = {
    "evaluate_method[flies topdown 0 0 val]",
    "compare_methods[flies val]",
    "build_report[flies index]",
    "make_release[flies dev-topdown]",
}


def touch(*paths: Path) -> None:
    for path in paths:
        os.utime(path)


def test_a_second_run_has_nothing_to_do(finished: Project) -> None:
    assert finished.dry_run().nothing


def test_a_lost_record_makes_nothing_run_again(finished: Project) -> None:
    records = list((finished.folder / "results").rglob("*provenance.json"))
    assert any("models" in path.parts for path in records)
    for path in records:
        path.unlink()
    assert finished.dry_run().nothing


def test_suggestions_bring_a_purged_store_back(finished: Project) -> None:
    shutil.rmtree(finished.folder / "work" / "store")
    done = finished.snakemake("suggest")
    assert done.code == 0 and "operator expected" not in done.text, done.text
    assert (finished.folder / "work" / "store" / "flies" / "store.json").exists()
    assert (finished.folder / "results" / "flies" / "suggestions" / "suggestions.json").exists()


def test_comments_and_key_order_retrain_nothing(finished: Project) -> None:
    recipe = finished.recipe("instance")
    tree = yaml.safe_load(recipe.read_text())
    recipe.write_text("# a comment\n" + yaml.safe_dump({key: tree[key] for key in reversed(list(tree))}))
    finished.change_config(**dict(reversed(list(finished.config.items()))))
    assert finished.dry_run().nothing


def test_workers_and_devices_retrain_nothing(finished: Project) -> None:
    recipe = finished.recipe("instance")
    tree = yaml.safe_load(recipe.read_text())
    tree["trainer_config"]["train_data_loader"]["num_workers"] = 2
    tree["trainer_config"]["trainer_accelerator"] = "cpu"
    recipe.write_text(yaml.safe_dump(tree))
    assert finished.dry_run().nothing


def test_gpus_and_frames_at_once_redo_nothing(finished: Project) -> None:
    (finished.folder / "config" / "site.yaml").write_text("gpu: 2\n")
    finished.change_config(predict={**finished.config["predict"], "frames_at_once": 3})
    assert finished.dry_run().nothing


def test_a_sigma_retrains_that_model_and_redoes_what_depends_on_it(finished: Project) -> None:
    recipe = finished.recipe("instance")
    recipe.write_text(recipe.read_text().replace("sigma: 2.5", "sigma: 1.5"))
    done = finished.dry_run()
    assert [job for job in done.jobs if job.startswith("train_model")] == ["train_model[flies instance 0 0]"]
    assert set(done.jobs) >= AFTER_TOPDOWN
    assert "evaluate_method[flies bottomup 0 0 val]" not in done.jobs
    assert not {"check_inputs", "split_labels", "store_frames"} & done.rules
    finished.run()
    assert finished.dry_run().nothing


def test_only_recipes_that_say_auto_depend_on_the_plan(finished: Project) -> None:
    plan = finished.folder / "results/flies/plan/fold0/plan.json"
    plan.write_text("another plan")
    assert finished.dry_run().rules == {"build_report"}
    recipe = finished.recipe("instance")
    recipe.write_text(recipe.read_text().replace("sigma: 2.5", "sigma: auto"))
    done = finished.dry_run()
    assert [job for job in done.jobs if job.startswith("train_model")] == ["train_model[flies instance 0 0]"]
    assert "plan_recipe" not in done.rules
    finished.run()
    assert finished.dry_run().nothing
    plan.write_text("yet another plan")
    done = finished.dry_run()
    assert [job for job in done.jobs if job.startswith("train_model")] == ["train_model[flies instance 0 0]"]


def another_package(project: Project, folder: Path) -> Project:
    """Return the project as a copy of the package sees it, which may be changed."""
    shutil.copytree(ROOT / "src" / "posewright", folder / "posewright", ignore=shutil.ignore_patterns("__pycache__"))
    return replace(project, package=folder)


def test_edits_of_docstrings_and_layout_redo_nothing(finished: Project, tmp_path: Path) -> None:
    edited = another_package(finished, tmp_path / "src")
    for module in (tmp_path / "src").rglob("*.py"):
        module.write_text(module.read_text().replace('"""', '"""Edited. ', 1) + "\n\n# and a comment\n")
    for script in (ROOT / "scripts").glob("*.py"):
        touch(finished.checkout / "scripts" / script.name)
    assert edited.dry_run().nothing


def test_a_stage_version_redoes_that_stage_and_what_depends_on_it(finished: Project, tmp_path: Path) -> None:
    frozen = {"flies-2026": {"method": "topdown", "fold": 0, "seed": 0}}
    releases = ["dev-topdown", "flies-2026"]
    finished.change_config(releases=frozen, predict={**finished.config["predict"], "releases": releases})
    finished.run()
    raised = another_package(finished, tmp_path / "src")
    stages = tmp_path / "src/posewright/config/stages.py"
    version = STAGE_VERSION["train_model"]
    stages.write_text(stages.read_text().replace(f'"train_model": {version}', f'"train_model": {version + 1}'))
    jobs = raised.dry_run().jobs
    assert len([job for job in jobs if job.startswith("train_model")]) == 3
    assert set(jobs) >= AFTER_TOPDOWN
    assert not [job for job in jobs if "flies-2026" in job]
    assert not {"check_inputs", "split_labels", "store_frames", "plan_recipe"} & {job.partition("[")[0] for job in jobs}


def test_videos_touched_or_archived_away_redo_nothing(finished: Project) -> None:
    folder = finished.folder / "videos"
    folder.mkdir()
    for number in range(5):
        (folder / f"v{number}.mp4").write_bytes(b"film")
    assert finished.dry_run().nothing
    shutil.rmtree(folder)
    assert finished.dry_run().nothing


def test_more_labels_make_new_working_models_and_leave_releases_and_their_poses(finished: Project) -> None:
    frozen = {"flies-2026": {"method": "topdown", "fold": 0, "seed": 0}}
    releases = ["dev-topdown", "flies-2026"]
    methods = {**finished.config["methods"], "last": {"type": "topdown", "release": "flies-2026"}}
    predict = {**finished.config["predict"], "releases": releases}
    finished.change_config(releases=frozen, predict=predict, methods=methods)
    finished.run()
    results = finished.folder / "results/flies"
    working = results / "models/instance/fold0_seed0/model.json"
    places = (results / "releases" / "flies-2026", results / "videos" / "flies-2026")
    kept = [path for place in places for path in place.rglob("*") if path.is_file()]
    before, trained = {path: (file_digest(path), path.stat().st_mtime_ns) for path in kept}, working.stat().st_mtime_ns
    assert len(kept) == 1 + 5 * 4
    write_label_file(finished.folder / "labels.slp", n_frames=50)  # 10 more in each of two videos
    jobs = finished.dry_run().jobs
    assert {"evaluate_method[flies last 0 0 val]", "evaluate_method[flies topdown 0 0 val]"} < set(jobs)
    finished.run()
    assert working.stat().st_mtime_ns > trained
    assert {path: (file_digest(path), path.stat().st_mtime_ns) for path in kept} == before
    assert finished.dry_run().nothing
    on_test = {f"evaluate_method[flies {method} 0 0 test]" for method in ("last", "topdown", "bottomup")}
    assert set(finished.dry_run("final").jobs) == {*on_test, "compare_methods[flies test]", "build_report[flies final]"}


def test_labels_saved_again_redo_nothing(finished: Project) -> None:
    labels = finished.folder / "labels.slp"
    sleap_io.load_slp(str(labels), open_videos=False).save(str(labels), verbose=False)
    assert finished.dry_run().nothing


def test_edited_labels_redo_everything_learnt_from_them_in_one_run(finished: Project) -> None:
    labels = sleap_io.load_slp(str(finished.folder / "labels.slp"), open_videos=False)
    labels.labeled_frames[0].instances[0].points["xy"][0] += 1.0
    labels.save(str(finished.folder / "labels.slp"), verbose=False)
    done = finished.dry_run()
    assert {"check_inputs", "split_labels", "store_frames"} <= done.rules
    assert {"train_model", "evaluate_method", "make_release"} <= done.rules
    finished.run()
    assert finished.dry_run().nothing


def test_labels_made_once_more_are_measured_and_redo_what_is_scored_with_them(finished: Project) -> None:
    scored = {"measure_repeats", "evaluate_method", "compare_methods", "build_report"}
    kept = {"check_inputs", "split_labels", "store_frames", "plan_recipe", "train_model"}
    alone = finished.config["datasets"]["flies"]
    again = finished.folder / "again.slp"
    write_label_file(again)
    finished.change_config(datasets={"flies": {**alone, "repeated": ["again.slp"]}})
    rules = finished.dry_run().rules
    assert scored <= rules and not kept & rules
    finished.run()
    assert finished.dry_run().nothing
    labels = sleap_io.load_slp(str(again), open_videos=False)
    labels.save(str(again), verbose=False)
    assert finished.dry_run().nothing
    labels.labeled_frames[0].instances[0].points["xy"][0] += 1.0
    labels.save(str(again), verbose=False)
    rules = finished.dry_run().rules
    assert scored <= rules and not kept & rules
    finished.change_config(datasets={"flies": alone})
    rules = finished.dry_run().rules
    assert "measure_repeats" not in rules and scored - {"measure_repeats"} <= rules


def test_labels_found_elsewhere_redo_nothing(finished: Project) -> None:
    dataset = {**finished.config["datasets"]["flies"], "video_paths": ["elsewhere"], "path_map": {"Z:/lab": "lab"}}
    finished.change_config(datasets={"flies": dataset})
    assert finished.dry_run().nothing


def test_a_new_video_predicts_its_batch_only(finished: Project) -> None:
    before = {path.stem for path in (finished.folder / "work/predict/batches/flies/dev-topdown").iterdir()}
    sheet = finished.folder / "videos.tsv"
    head, *rows = sheet.read_text().splitlines(keepends=True)
    sheet.write_text("".join([head, "new\tvideos/new.mp4\ts9\n", *rows]))
    done = finished.dry_run()
    predicted = [job for job in done.jobs if job.startswith("predict_videos")]
    assert 1 <= len(predicted) < len(before)
    assert done.rules <= {"predict_videos", "publish_video", "collect_status", "check_quality", "build_report"}
    assert "publish_video[flies dev-topdown new]" in done.jobs


def test_notes_and_order_of_the_sheet_predict_nothing(finished: Project) -> None:
    sheet = finished.folder / "videos.tsv"
    head, *rows = sheet.read_text().splitlines()
    sheet.write_text("\n".join([f"{head}\tnote\tcamera", *(f"{row}\tgood\ttop" for row in reversed(rows))]) + "\n")
    assert finished.dry_run().nothing


def test_a_changed_row_predicts_its_batch_only(finished: Project) -> None:
    sheet = finished.folder / "videos.tsv"
    head, *rows = sheet.read_text().splitlines()
    sheet.write_text("\n".join([f"{head}\tstart", f"{rows[0]}\t5", *(f"{row}\t" for row in rows[1:])]) + "\n")
    done = finished.dry_run()
    assert len([job for job in done.jobs if job.startswith("predict_videos")]) == 1
    assert "publish_video[flies dev-topdown v0]" in done.jobs


def test_a_cut_video_is_published_again_without_its_chunks(finished: Project) -> None:
    sheet = finished.folder / "videos.tsv"
    sheet.write_text(sheet.read_text().replace("session", "session\tstop").replace("\ts0", "\ts0\t3000"))
    finished.change_config(predict={**finished.config["predict"], "chunk_frames": 1200})
    finished.run()
    assert finished.dry_run().nothing
    (finished.folder / "results/flies/videos/dev-topdown/v0/poses.slp").unlink()
    done = finished.dry_run()
    assert "predict_videos" not in done.rules
    assert "publish_video[flies dev-topdown v0]" in done.jobs
    finished.run()
    shutil.rmtree(finished.folder / "work")
    assert finished.dry_run().nothing


def test_changed_tracking_predicts_and_publishes_everything_in_one_run(finished: Project) -> None:
    finished.change_config(predict={**finished.config["predict"], "tracker": {"window_frames": 9}})
    done = finished.dry_run()
    assert {"predict_videos", "publish_video", "collect_status"} <= done.rules
    assert not {"train_model", "make_release"} & done.rules
    finished.run()
    assert finished.dry_run().nothing


def test_deleted_scratch_redoes_nothing(finished: Project) -> None:
    shutil.rmtree(finished.folder / "work")
    assert finished.dry_run().nothing


def test_a_deleted_published_file_is_published_again_without_predicting(finished: Project) -> None:
    (finished.folder / "results/flies/videos/dev-topdown/v0/poses.slp").unlink()
    done = finished.dry_run()
    assert {job for job in done.jobs if "v" in job.partition("[")[2]} >= {"publish_video[flies dev-topdown v0]"}
    assert done.rules <= {"publish_video", "collect_status", "check_quality", "build_report"}


def test_after_a_purge_a_changed_recipe_retrains_that_recipe_only(finished: Project) -> None:
    shutil.rmtree(finished.folder / "work")
    recipe = finished.recipe("bottomup")
    recipe.write_text(recipe.read_text().replace("filters: 8", "filters: 16"))
    done = finished.dry_run()
    assert [job for job in done.jobs if job.startswith("train_model")] == ["train_model[flies bottomup 0 0]"]
    assert not {"store_frames", "predict_videos", "make_release"} & done.rules


def test_touched_models_redo_nothing(finished: Project) -> None:
    touch(*(finished.folder / "results/flies/models").rglob("best.ckpt"))
    touch(*(finished.folder / "results/flies/models").rglob("model.json"))
    assert finished.dry_run().nothing


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


def test_too_many_failed_videos_end_the_run_with_a_fault_after_everything_is_made(finished: Project) -> None:
    sheet = finished.folder / "videos.tsv"
    sheet.write_text(sheet.read_text() + "broken\tvideos/broken.mp4\ts9\n")
    done = finished.snakemake()
    assert done.code != 0
    assert "max_failed_fraction" in done.text
    assert "Traceback" not in done.text
    assert finished.dry_run().nothing
    finished.change_config(predict={**finished.config["predict"], "max_failed_fraction": 0.5})
    assert finished.dry_run().nothing


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
