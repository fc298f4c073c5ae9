"""What a video costs beside decoding and its network: controller, job and wall, file calls and files, by batch size.

    python bench/overhead.py [FOLDER]

Films of eight frames go through an untrained, tiny release in the real workflow, at one and at twenty videos a batch.
What a further video of a batch takes beyond decode, network and publishing has to stay below 0.3 s. Counts of file
calls need ``strace``; Slurm commands are counted by ``make cluster``. About 4 minutes on an idle core.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from training.small import make_small_data, small_recipe, train

from posewright.files import file_digest, read_json
from posewright.prediction.release import make_release

N_FRAMES = 8
VIDEOS = {1: 3, 20: 20}  #: most videos of a batch -> videos of the project
PATIENCE_S = 600.0  #: for each command; what takes longer has gone wrong
CALLS = re.compile(r"\b(stat|lstat|newfstatat|statx|open|openat|access|faccessat2?)\(")


def make_bundle(folder: Path) -> tuple[Path, Path]:
    """Return a bundle of a bottom-up model that was hardly trained, and a film."""
    make_small_data(folder)
    model = train(
        folder, small_recipe("bottomup", train_steps_per_epoch=1, max_epochs=1), folder / "models" / "bottomup"
    )
    release = folder / "release" / "release.json"
    make_release("tiny", {}, [model], release, folder / "ledger.tsv", backend="torch", peak_threshold=0.9)
    return release.with_name("tiny.posewright"), folder / "videos" / "recording_1.mp4"


def make_project(folder: Path, bundle: Path, film: Path, per_batch: int, n_videos: int) -> None:
    """Write a project without labels."""
    (folder / "config").mkdir(parents=True)
    names = [f"v{number:03d}" for number in range(n_videos)]
    for name in names:
        shutil.copyfile(film, folder / f"{name}.mp4")
    rows = "".join(f"{name}\t{name}.mp4\t{N_FRAMES}\n" for name in names)
    (folder / "videos.tsv").write_text("video\tpath\tstop\n" + rows)
    config = {
        "datasets": {"mine": {}},
        "releases": {"tiny": {"bundle": str(bundle), "sha256": file_digest(bundle)}},
        "videos": "videos.tsv",
        "predict": {"releases": ["tiny"], "batch": {"count": per_batch}},
    }
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))


def run(command: list[str], folder: Path) -> None:
    """Run a command in a folder, with what it said when it fails."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=PATIENCE_S
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[:3]} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def snakemake(folder: Path, *words: str) -> tuple[float, float]:
    """Run the workflow; return wall and CPU seconds of the controller and all it starts."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow" / "Snakefile"), "--cores", "1"]
    run([*command, *words, "--quiet"], folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - begun, cpu_s


def of_jobs(folder: Path, stage: str) -> tuple[int, float, float]:
    """Return the number of a stage's jobs, with their wall and CPU seconds as Snakemake's benchmarks have them."""
    count, wall_s, cpu_s = 0, 0.0, 0.0
    for table in (folder / "benchmarks" / stage).rglob("*.tsv"):
        head, values = (line.split("\t") for line in table.read_text().splitlines()[:2])
        row = dict(zip(head, values, strict=True))
        count, wall_s, cpu_s = count + 1, wall_s + _seconds(row["s"]), cpu_s + _seconds(row["cpu_time"])
    return count, wall_s, cpu_s


def _seconds(told: str) -> float:
    """Return a figure of a benchmark; a job may be over before it is looked at."""
    return 0.0 if told in ("", "-", "NA") else float(told)


def per_video_seconds(folder: Path) -> list[float]:
    """Return how long each video took within its batch, decoding, network and writing included, the first left out."""
    found = []
    for manifest in sorted((folder / "work" / "predict" / "batches").rglob("*.json")):
        videos = list(read_json(manifest)["provenance"].values())
        found += [video["seconds"] for video in videos[1:]]
    return sorted(found)


def calls(folder: Path, *words: str) -> Counter[str]:
    """Count the file calls of a command and its children."""
    with tempfile.NamedTemporaryFile(suffix=".strace") as log:
        trace = ["strace", "-f", "-qq", "-e", "trace=%file", "-o", log.name]
        run([*trace, *words], folder)
        lines = Path(log.name).read_text(errors="replace").splitlines()
    found = [CALLS.search(line) for line in lines if str(folder) in line or '"results/' in line or '"work/' in line]
    return Counter("open" if match[1].startswith("open") else "stat" for match in found if match)


def count_files(folder: Path, n_videos: int) -> dict[str, float]:
    """Return files per video in results, and under .snakemake."""
    published = [path for path in (folder / "results" / "mine" / "videos").rglob("*") if path.is_file()]
    records = [path for path in (folder / ".snakemake").rglob("*") if path.is_file()]
    work = [path for path in (folder / "work").rglob("*") if path.is_file()]
    places = {"results": published, ".snakemake": records, "work": work}
    return {name: len(paths) / n_videos for name, paths in places.items()}


def predict_again(folder: Path, n_videos: int) -> list[str]:
    """Return the words of a prediction job by hand, of so many videos that were not predicted yet."""
    rows = [{"video": f"v{i:03d}", "path": f"v{i:03d}.mp4", "stop": N_FRAMES - 1} for i in range(n_videos)]
    return [
        *(sys.executable, str(ROOT / "scripts" / "predict_videos.py")),
        *("--release", "results/mine/releases/tiny/release.json", "--videos", json.dumps(rows)),
        *("--settings", json.dumps({"tracker": {}}), "--work", f"work/traced{n_videos}"),
        *("--published", "results/none", "--manifest", f"work/traced{n_videos}.json"),
    ]


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()).resolve()
    bundle, film = make_bundle(folder / "made")
    for per_batch, n_videos in VIDEOS.items():
        project = folder / f"batches-of-{per_batch}"
        make_project(project, bundle, film, per_batch, n_videos)
        snakemake(project, "results/mine/releases/tiny/release.json")
        wall_s, cpu_s = snakemake(project, "results/status.tsv")
        jobs, job_wall_s, job_cpu_s = of_jobs(project, "predict_videos")
        _, publish_wall_s, _ = of_jobs(project, "publish_video")
        print(f"\n{n_videos} videos of {N_FRAMES} frames, at most {per_batch} a batch: {jobs} prediction jobs")
        print(f"  a video: wall {wall_s / n_videos:.2f} s, CPU {cpu_s / n_videos:.2f} s in all")
        print(f"  a video: in prediction jobs wall {job_wall_s / n_videos:.2f} s, CPU {job_cpu_s / n_videos:.2f} s")
        print(f"  a video: publishing, wall {publish_wall_s / n_videos:.2f} s")
        print(f"  a video: controller and publishing, CPU {(cpu_s - job_cpu_s) / n_videos:.2f} s")
        further = per_video_seconds(project)
        if further:
            print(f"  a further video of a batch: median {further[len(further) // 2]:.3f} s, most {further[-1]:.3f} s")
        counts = count_files(project, n_videos)
        print("  files a video: " + ", ".join(f"{counts[place]:.1f} in {place}" for place in counts))
    if shutil.which("strace") is None:
        print("\nfile calls: NOT COUNTED, install strace")
        return
    project = folder / "batches-of-20"
    few, many = (calls(project, *predict_again(project, count)) for count in (2, 12))
    print("\nfile calls in the project's folders, of one more video:")
    print("  prediction: " + ", ".join(f"{(many[kind] - few[kind]) / 10:.1f} {kind}" for kind in ("stat", "open")))
    publish = ["--manifest", "work/traced12.json", "--video", "v000", "--release", "tiny", "--out", "results/traced"]
    found = calls(project, sys.executable, "-IS", str(ROOT / "scripts" / "publish_video.py"), *publish)
    print("  publishing: " + ", ".join(f"{found[kind]} {kind}" for kind in ("stat", "open")))


if __name__ == "__main__":
    main()
