"""The workflow as such: what it imports, what it says of slips, its profiles, its names, its style."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from posewright.config.stages import STAGE_VERSION

from .tiny_project import ON_REQUEST, ROOT, Project, write_yaml

RULES = "\n".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))


def stages() -> set[str]:
    return set(STAGE_VERSION)


def test_everything_is_in_the_graph(fresh: Project) -> None:
    done = fresh.dry_run()
    assert done.rules == stages() - ON_REQUEST - {"compare_behaviour"}
    assert len([job for job in done.jobs if job.startswith("train_model")]) == 3
    assert len([job for job in done.jobs if job.startswith("publish_video")]) == 5


def test_frames_are_suggested_on_request_and_for_that_nothing_is_scored(fresh: Project) -> None:
    rules = fresh.dry_run("suggest").rules
    assert {"suggest_frames", "publish_video", "split_labels"} <= rules
    assert not {"compare_methods", "build_report", "collect_status"} & rules


def test_two_releases_are_compared_by_what_they_make_of_behaviour(fresh: Project) -> None:
    fresh.change_config(predict={"releases": ["dev-topdown", "dev-bottomup"], "batch": {"count": 2}})
    assert "compare_behaviour[flies]" in fresh.dry_run().jobs
    fresh.change_config(predict={"releases": ["dev-topdown", "dev-bottomup"], "keep": ["poses"]})
    assert "compare_behaviour" not in fresh.dry_run().rules


def test_a_refit_learns_from_every_side_and_nothing_scores_it(fresh: Project) -> None:
    refit = {"everything": {"method": "topdown", "refit": True}}
    fresh.change_config(releases=refit, predict={"releases": ["everything", "dev-topdown"]})
    jobs = fresh.dry_run().jobs
    assert [job for job in jobs if job.startswith("refit_model")] == [
        f"refit_model[flies {recipe} 0 0]" for recipe in ("centroid", "instance")
    ]
    assert len([job for job in jobs if job.startswith("train_model")]) == 3
    assert not [job for job in jobs if job.startswith("evaluate_method") and not job.endswith(" val]")]
    fresh.change_config(releases={"brought": {"bundle": "a.posewright", "sha256": "0" * 64, "refit": True}})
    assert "refit belongs to a method" in fresh.snakemake("--dry-run").text


def test_a_refit_repeats_the_chosen_model_of_its_method(fresh: Project) -> None:
    refit = {"everything": {"method": "topdown", "refit": True}}
    fresh.change_config(
        releases=refit, predict={"releases": ["everything", "dev-topdown"]}, compare={"checkpoints": "primary"}
    )
    jobs = fresh.dry_run().jobs
    assert [job for job in jobs if job.startswith("refit_model")] == [
        f"refit_model[flies topdown/{recipe} 0 0]" for recipe in ("centroid", "instance")
    ]
    assert len([job for job in jobs if job.startswith("choose_checkpoint")]) == 3


def test_sigmas_of_repeated_labels_choose_weights_only_where_they_decide(fresh: Project) -> None:
    shutil.copy(fresh.folder / "labels.slp", fresh.folder / "again.slp")
    flies = {**fresh.config["datasets"]["flies"], "repeated": ["again.slp"]}
    for primary, is_read in (("oks", True), ("pck_5px", False)):
        fresh.change_config(datasets={"flies": flies}, compare={"checkpoints": "primary", "primary": primary})
        chosen = re.findall(r"^rule choose_checkpoint:\n((?: .*\n)*)", fresh.dry_run().text, re.MULTILINE)
        assert len(chosen) == 3 and all(("repeats.json" in lines) == is_read for lines in chosen)


def test_the_plan_alone_trains_nothing(fresh: Project) -> None:
    assert fresh.dry_run("plan").rules - {"plan"} == {"check_inputs", "split_labels", "store_frames", "plan_recipe"}


def test_the_shipped_example_plans_and_compares_both_methods(fresh: Project) -> None:
    shutil.copytree(ROOT / "config" / "recipes" / "auto", fresh.folder / "config" / "recipes" / "auto")
    shutil.copytree(ROOT / "config" / "examples", fresh.folder / "config" / "examples")
    jobs = fresh.dry_run("--configfile", "config/examples/try_both.yaml").jobs
    assert "plan_recipe[mydata 0]" in jobs
    assert {f"train_model[mydata {recipe} 0 2]" for recipe in ("centroid", "centered_instance", "bottomup")} < set(jobs)
    assert "compare_methods[mydata val]" in jobs


def python(code: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_a_dry_run_imports_nothing_heavy(fresh: Project) -> None:
    """Pandas and its pyarrow are not asked about: Snakemake itself imports them where they are installed."""
    code = (
        "import sys\n"
        "from snakemake.cli import main\n"
        "try:\n"
        f"    main(['--snakefile', {str(ROOT / 'workflow' / 'Snakefile')!r}, '--cores', '1', '--dry-run'])\n"
        "finally:\n"
        "    names = ('torch', 'lightning', 'sleap_io', 'cv2', 'av', 'scipy')\n"
        "    print('HEAVY', [name for name in names if name in sys.modules])\n"
    )
    text = python(code, fresh.folder)
    assert "publish_video" in text
    assert "HEAVY []" in text, text


def test_what_the_workflow_takes_from_the_package_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, posewright.plan, posewright.site, posewright.status\n"
        "names = ('torch', 'lightning', 'sleap_io', 'pandas', 'pyarrow', 'cv2', 'av', 'scipy', 'snakemake')\n"
        "print('HEAVY', [name for name in names if name in sys.modules])\n"
    )
    assert "HEAVY []" in python(code, tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"metods": {}}, "did you mean 'methods'"),
        ({"seeds": "many"}, "seeds"),
        ({"predict": {"releases": ["dev-topdwon"]}}, "did you mean 'dev-topdown'"),
        ({"datasets": {"flies": {"labels": ["lables.slp"]}}}, "lables.slp does not exist"),
        ({"predict": {"dtype": "bfloat16"}}, "float32"),
    ],
)
def test_a_slip_in_the_config_is_a_sentence(fresh: Project, change: dict[str, object], sentence: str) -> None:
    fresh.change_config(**change)
    done = fresh.snakemake("--dry-run")
    assert done.code != 0
    assert sentence in done.text
    assert "Traceback" not in done.text


def test_a_slip_in_a_recipe_or_the_sheet_is_a_sentence(fresh: Project) -> None:
    recipe = fresh.recipe("instance")
    recipe.write_text(recipe.read_text().replace("sigma: 2.5", "sgima: 2.5"))
    done = fresh.snakemake("--dry-run")
    assert "did you mean 'sigma'" in done.text and "Traceback" not in done.text
    recipe.write_text(recipe.read_text().replace("sgima: 2.5", "sigma: 2.5"))
    sheet = fresh.folder / "videos.tsv"
    sheet.write_text(sheet.read_text() + "v0\tvideos/v0.mp4\ts0\n")
    done = fresh.snakemake("--dry-run")
    assert "already stands in row" in done.text and "Traceback" not in done.text


def test_missing_videos_are_states_unless_the_config_wants_an_error(fresh: Project) -> None:
    fresh.change_config(predict={"releases": ["dev-topdown"], "on_missing": "error"})
    done = fresh.snakemake("--dry-run")
    assert done.code != 0
    assert "videos/v3.mp4 does not exist" in done.text


def test_without_videos_methods_are_still_compared(fresh: Project) -> None:
    fresh.change_config(videos=None)
    done = fresh.dry_run()
    assert {"compare_methods", "build_report"} <= done.rules
    assert not {"make_release", "predict_videos", "publish_video"} & done.rules


def test_a_dataset_without_labels_predicts_with_a_release_that_exists(fresh: Project) -> None:
    fresh.change_config(
        datasets={"flies": {"labels": []}},
        releases={"brought": {"method": "topdown"}},
        predict={"releases": ["brought"]},
    )
    done = fresh.snakemake("--dry-run")
    assert done.code != 0 and "has no labels" in done.text
    release = fresh.folder / "results/flies/releases/brought/release.json"
    release.parent.mkdir(parents=True)
    release.write_text('{"definition": {"method": "topdown", "fold": 0, "seed": 0}}')
    assert fresh.dry_run().rules == {"predict_videos", "publish_video", "collect_status", "check_quality"}


def test_a_dataset_without_labels_predicts_with_a_bundle(fresh: Project) -> None:
    bundle = {"bundle": "from a colleague/the flies.posewright", "sha256": "0" * 64}
    only = {"datasets": {"flies": {}}, "methods": {}, "recipes": {}, "predict": {"releases": ["brought"]}}
    fresh.change_config(**only, releases={"brought": bundle})
    assert fresh.dry_run().rules == {
        "make_release",
        "predict_videos",
        "publish_video",
        "collect_status",
        "check_quality",
    }
    release = fresh.folder / "results/flies/releases/brought/release.json"
    release.parent.mkdir(parents=True)
    release.write_text('{"definition": {"sha256": "' + "0" * 64 + '"}}')
    fresh.change_config(releases={"brought": {**bundle, "bundle": "elsewhere.posewright"}})
    assert fresh.dry_run().rules == {"predict_videos", "publish_video", "collect_status", "check_quality"}
    fresh.change_config(releases={"brought": {**bundle, "sha256": "1" * 64}})
    done = fresh.snakemake("--dry-run")
    assert done.code != 0 and "releases never change" in done.text and "Traceback" not in done.text


def test_videos_go_to_the_dataset_their_row_names(fresh: Project) -> None:
    flies = fresh.config["datasets"]["flies"]
    fresh.change_config(datasets={"flies": flies, "mice": flies})
    sheet = fresh.folder / "videos.tsv"
    head, *rows = sheet.read_text().splitlines()
    names = ["mice" if index == 0 else "flies" for index in range(len(rows))]
    sheet.write_text(
        "\n".join([f"{head}\tdataset", *(f"{row}\t{name}" for row, name in zip(rows, names, strict=True))])
    )
    jobs = fresh.dry_run().jobs
    assert "publish_video[mice dev-topdown v0]" in jobs
    assert "publish_video[flies dev-topdown v1]" in jobs
    assert "publish_video[flies dev-topdown v0]" not in jobs


def test_a_very_long_video_is_a_batch_by_itself_that_waits_for_its_chunks(fresh: Project) -> None:
    sheet = fresh.folder / "videos.tsv"
    head, first, *rows = sheet.read_text().splitlines()
    sheet.write_text("\n".join([f"{head}\tduration_s", f"{first}\t100", *(f"{row}\t10" for row in rows)]) + "\n")
    fresh.change_config(predict={**fresh.config["predict"], "chunk_frames": 1200})
    jobs = fresh.dry_run().jobs
    predicted = [job for job in jobs if job.startswith("predict_videos")]
    names = ["chunk1of3-v0", "chunk2of3-v0", "chunk3of3-v0", "cut-v0"]
    assert predicted[-4:] == [f"predict_videos[flies dev-topdown {name}]" for name in names]
    assert len(predicted) > 4
    assert len([job for job in jobs if job.startswith("publish_video")]) == 5


def test_another_config_file_replaces_the_default(fresh: Project) -> None:
    other = {**fresh.config, "datasets": {"mice": fresh.config["datasets"]["flies"]}}
    write_yaml(fresh.folder / "other.yaml", other)
    jobs = fresh.dry_run("--configfile", "other.yaml").jobs
    assert any("[mice" in job for job in jobs)
    assert not any("[flies" in job for job in jobs)


def test_a_sites_words_reach_the_jobs(fresh: Project) -> None:
    write_yaml(
        fresh.folder / "config" / "site.yaml",
        {"gpu": 1, "resources": {"all": {"slurm_partition": "cpu"}, "train_model": {"slurm_partition": "gpu"}}},
    )
    text = fresh.dry_run("results/flies/evaluation/bottomup/fold0_seed0/val/metrics.json").text
    training = text[text.index("rule train_model:") :].partition("resources: ")[2].partition("\n")[0]
    split = text[text.index("rule split_labels:") :].partition("resources: ")[2].partition("\n")[0]
    assert "gpu=1" in training and "slurm_partition=gpu" in training
    assert "gpu=" not in split and "slurm_partition=cpu" in split


@pytest.mark.parametrize(
    "profile", ["profiles/local", "profiles/test", "profiles/slurm", "profiles/slurm-norequeue", "slurm"]
)
def test_each_profile_loads(fresh: Project, profile: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--profile", profile, "--directory", str(fresh.folder)),
            *("--dry-run", "--quiet", "--configfile", str(fresh.folder / "config" / "config.yaml")),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_no_default_profile_and_retries_stand_in_a_profile_only() -> None:
    assert not (ROOT / "profiles" / "default").exists()
    assert "retries:" not in RULES
    assert yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())["retries"] == 2


def test_the_profile_without_requeueing_differs_in_that_only() -> None:
    usual, other = (
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text()) for name in ("slurm", "slurm-norequeue")
    )
    assert {key for key in usual.keys() | other.keys() if usual.get(key) != other.get(key)} == {
        "retries",
        "slurm-requeue",
        "slurm-no-requeue",
        "slurm-status-command",
    }


def test_a_stage_has_one_name() -> None:
    rules = re.findall(r"^rule (\w+):", RULES, re.MULTILINE)
    assert sorted(rules) == sorted(stages())
    assert {path.stem for path in (ROOT / "scripts").glob("*.py")} == stages()
    for name, body in re.findall(r"^rule (\w+):\n((?:(?: .*)?\n)+)", RULES, re.MULTILINE):
        assert f"/scripts/{name}.py" in body, name
        assert f'log:\n        "logs/{name}/' in body, name
        assert f'benchmark:\n        "benchmarks/{name}/' in body, name


def test_no_rule_but_the_first_ones_has_only_ancient_inputs() -> None:
    """A job below a job that runs is not checked for reasons of its own: with ancient inputs only, it would not run."""
    first = {
        "check_inputs",
        "store_frames",
        "measure_repeats",
    }  # below them there are only label files, which no job makes
    for name, body in re.findall(r"^rule (\w+):\n((?:(?: .*)?\n)+)", RULES, re.MULTILINE):
        inputs = body.partition("    input:\n")[2].partition("    output:\n")[0]
        entries = re.findall(r"^        \w+=(.*)$", inputs, re.MULTILINE)
        assert name in first or any("ancient(" not in entry for entry in entries), name


def test_snakemake_finds_nothing_to_complain_of(fresh: Project) -> None:
    done = fresh.snakemake("--lint")
    assert done.code == 0, done.text
    assert "good condition" in done.text


def test_the_workflow_is_formatted() -> None:
    snakefmt = Path(sys.executable).with_name("snakefmt")
    done = subprocess.run(
        [str(snakefmt), "--check", "workflow"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_snakemake_reports_by_itself_without_a_network(finished: Project) -> None:
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in nowhere.items():
            patch.setenv(name, value)
        done = finished.snakemake("--report", "report.zip")
    assert done.code == 0, done.text
    with zipfile.ZipFile(finished.folder / "report.zip") as file:
        names = file.namelist()
        [page] = [name for name in names if name.endswith("report.html")]
        html = file.read(page).decode()
    assert sum(name.endswith(".svg") for name in names) >= 2 * 3 + 4  # each method's figures, and those of all
    for words in ('"method": "topdown"', '"method": "bottomup"', "Each method (index.html)", "by body part"):
        assert words in html
    assert not re.search(r"""(?:src|href)=["']https?://[^"']*\.(?:js|css)""", html)
