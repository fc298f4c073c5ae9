"""What is done again, and what is not. About the graph only: the scripts are stand-ins (standin.py)."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import sleap_io
import yaml

from posewright.config.stages import STAGE_VERSION
from posewright.files import file_digest, write_json

from .tiny_project import AFTER_TOPDOWN, ROOT, Project, until, write_label_file


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


def test_every_version_makes_its_own_stage_again(finished: Project, tmp_path: Path) -> None:
    """Those without inputs of their own that differ; a check makes nothing, so its version is told and no more."""
    raised = another_package(finished, tmp_path / "src")
    stages = tmp_path / "src/posewright/config/stages.py"
    text = stages.read_text()
    redone = {}
    for stage in ("check_inputs", "publish_video", "collect_status"):
        version = STAGE_VERSION[stage]
        stages.write_text(text.replace(f'"{stage}": {version}', f'"{stage}": {version + 1}'))
        redone[stage] = raised.dry_run().rules
    assert redone["check_inputs"] == set()
    assert {"publish_video", "collect_status"} <= redone["publish_video"]
    assert not {"predict_videos", "make_release", "evaluate_method"} & redone["publish_video"]
    assert redone["collect_status"] == {"collect_status", "build_report"}


def test_the_text_of_a_rule_redoes_nothing_in_any_profile(finished: Project, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(finished.checkout, checkout)
    for rules in (checkout / "workflow" / "rules").glob("*.smk"):
        rules.write_text(rules.read_text().replace(" > {log:q} 2>&1", " &> {log:q}"))
    edited = replace(finished, checkout=checkout)
    assert "train_model" in edited.dry_run().rules  # by Snakemake's own triggers
    assert edited.dry_run("--profile", str(checkout / "profiles" / "local")).nothing
    profiles = [yaml.safe_load(path.read_text()) for path in ROOT.glob("profiles/*/config.yaml")]
    assert {tuple(one["rerun-triggers"]) for one in profiles} == {("mtime", "params", "input")}


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


def test_what_a_person_saved_into_a_published_file_outlives_its_next_publication(finished: Project) -> None:
    folder = finished.folder / "results/flies/videos/dev-topdown/v0"
    made = file_digest(folder / "poses.slp")
    older = folder.with_name("v1")  # the status of an older version tells nothing of its files
    (older / "poses.slp").write_text("another person's work")
    os.utime(older / "poses.slp", (time.time() + 60, time.time() + 60))
    write_json(folder / "status.json", {"state": "ok", "provenance": {"outputs": {"poses.slp": {"sha256": made}}}})
    (folder / "poses.slp").write_text("a person's work")
    os.utime(folder / "poses.slp", (time.time() + 60, time.time() + 60))
    (folder / "poses.parquet").unlink()
    (older / "poses.parquet").unlink()
    assert f"{folder.relative_to(finished.folder)}/poses.slp: where this run" in finished.snakemake().text
    assert (folder / "poses.edited.slp").read_text() == "a person's work"
    assert (older / "poses.edited.slp").read_text() == "another person's work"
    assert file_digest(folder / "poses.slp") == made
    assert finished.dry_run().nothing


def test_what_a_person_saves_while_a_run_goes_on_outlives_it(finished: Project) -> None:
    folder = finished.folder / "results/flies/videos/dev-topdown/v0"
    made = file_digest(folder / "poses.slp")
    sheet, held = finished.folder / "videos.tsv", finished.folder / "held"
    head, *rows = sheet.read_text().splitlines()
    sheet.write_text("\n".join([f"{head}\tstart", f"{rows[0]}\t5", *(f"{row}\t" for row in rows[1:])]) + "\n")
    (finished.folder / "hold").write_text("predict_videos")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(finished.snakemake)
        try:
            until(lambda: held.exists() and held.read_text())
            (folder / "poses.slp").write_text("a person's work")
            os.utime(folder / "poses.slp", (time.time() + 60, time.time() + 60))
        finally:
            (finished.folder / "hold").unlink()
        done = running.result()
    assert done.code == 0, done.text
    assert not [path for path in (finished.folder / ".snakemake" / "backups").rglob("*") if path.is_file()]
    assert (folder / "poses.edited.slp").read_text() == "a person's work"
    assert file_digest(folder / "poses.slp") == made
    assert finished.dry_run().nothing


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
