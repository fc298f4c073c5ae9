"""The console: ``posewright check | run | status | explain | predict | merge | export | overlay | crate | init``."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from posewright import __version__, door
from posewright.discretion import PRIVATE_VARIABLE
from posewright.driving import drive
from posewright.errors import InputError
from posewright.files import read_json
from posewright.status import failed_fraction, read_status, summary

CONFIG = Path("config/config.yaml")
STATUS = Path("results/status.tsv")
EXPORTS = ("analysis_h5", "nwb", "dlc_csv", "coco")
TOO_MANY_FAILED = 3  #: exit code of ``status`` when a video gave nothing


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the console; faults of the inputs end as sentences."""
    door.main(lambda: _command(arguments))


def _command(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="posewright", description="Animal poses, and which method finds them best.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    check = commands.add_parser("check", help="name all problems of the inputs at once")
    check.add_argument("--config", type=Path, default=CONFIG, help="the project's config (default: %(default)s)")

    commands.add_parser(
        "run",
        help="run the workflow, and go on after a run that died; all further words go to snakemake",
        add_help=False,
    )

    commands.add_parser(
        "explain",
        help="what a run would do and why, before it does; all further words go to snakemake",
        add_help=False,
    )

    status = commands.add_parser("status", help="how far the run has come, and what became of every video")
    status.add_argument("--table", type=Path, default=STATUS, help="the table (default: %(default)s)")
    status.add_argument("--config", type=Path, default=CONFIG, help="the project's config (default: %(default)s)")

    export = commands.add_parser("export", help="write published poses in formats of other tools, beside them")
    export.add_argument("folders", type=Path, nargs="+", help="results/<dataset>/videos/<release>/<video>")
    export.add_argument("--as", dest="formats", nargs="+", required=True, metavar="FORMAT", choices=EXPORTS)
    merge = commands.add_parser(
        "merge", help="join labels that were corrected elsewhere with the project's, in a new file"
    )
    merge.add_argument("labels", type=Path, help="the project's .slp")
    merge.add_argument("corrected", type=Path, nargs="+", help="saved suggestions, a poses.slp, or any other .slp")
    merge.add_argument("--out", type=Path, required=True, help="the file to write; nothing is overwritten")
    merge.add_argument("--video-paths", type=Path, nargs="+", default=[], metavar="DIR", help="where videos lie")
    overlay = commands.add_parser("overlay", help="write films with published poses drawn, as overlay.mp4 beside them")
    overlay.add_argument("folders", type=Path, nargs="+", help="results/<dataset>/videos/<release>/<video>")
    overlay.add_argument("--film", type=Path, help="the film (default: as the project's sheet of videos names it)")
    _add_range(overlay)
    overlay.add_argument("--out", type=Path, help="the .mp4, for one folder (default: overlay.mp4 in it)")
    overlay.add_argument("--config", type=Path, default=CONFIG, help="the project's config (default: %(default)s)")
    _add_predict(commands.add_parser("predict", help="predict videos with models or a bundle, without a project"))

    crate = commands.add_parser("crate", help="describe results as an RO-Crate, to archive or publish them")
    crate.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="results/<dataset>")
    crate.add_argument("--config", type=Path, default=CONFIG, help="the project's config (default: %(default)s)")

    init = commands.add_parser("init", help="write a project folder to start from")
    init.add_argument("folder", type=Path)

    given, rest = parser.parse_known_args(arguments)
    if given.command == "run":
        return run(rest)
    if given.command == "explain":
        return explain_run(rest)
    if rest:
        parser.error(f"unknown words: {' '.join(rest)}")
    if given.command == "check":
        return check_project(given.config)
    if given.command == "status":
        return show_status(given.table, given.config)
    if given.command == "export":
        return export_poses(given.folders, given.formats)
    if given.command == "merge":
        return merge_files(given.labels, given.corrected, given.out, given.video_paths)
    if given.command == "overlay":
        return overlay_films(given)
    if given.command == "crate":
        return describe_results(given.folders, given.config)
    if given.command == "predict":
        return predict_files(given)
    return init_project(given.folder)


def check_project(config: Path) -> int:
    """Check every dataset of a project and say what was found."""
    from posewright.check import check_inputs  # reads labels and videos: heavy, and needed here only
    from posewright.check_forecast import missing_words
    from posewright.check_words import details, headline
    from posewright.config.project import load_project
    from posewright.layout import groups_file, read_rows

    project = load_project(config)
    with tempfile.TemporaryDirectory() as folder:  # the workflow's own check.json is not touched: models depend on it
        for name in project.datasets:
            out = Path(folder) / f"{name}.json"
            check_inputs(project, name, out, Path(groups_file(name)))
            facts = read_json(out)
            rows = read_rows(Path(project.videos), list(project.datasets)) if project.videos else []
            lines = [*details(facts), *missing_words(rows, name)]
            print("\n".join([f"{name}: {headline(facts)}", *(f"  {line}" for line in lines)]))
    print("No problems found.")
    return 0


def run(words: Sequence[str]) -> int:
    """Run Snakemake on this checkout's workflow, and go on where a run that died has stopped."""
    return drive(words, checkout())


def explain_run(words: Sequence[str]) -> int:
    """Print what a run would do and why."""
    from posewright.explain import explain  # reads the config: needed here only

    return explain(words, checkout())


def show_status(table: Path, config: Path) -> int:
    """Print how far the run has come and what became of the videos; the exit code says whether all gave poses."""
    from posewright.progress import progress  # reads the config: needed here only

    lines = progress(Path(), config) if config.exists() else []
    print("\n".join(lines), end="\n" if lines else "")
    if lines and not table.exists():
        return 0  # a run that has not come so far
    rows = read_status(table)
    print(summary(rows))
    return TOO_MANY_FAILED if failed_fraction(rows) > 0 else 0


def export_poses(folders: Sequence[Path], words: Sequence[str]) -> int:
    """Write further formats of published poses, beside them."""
    from posewright.prediction.formats import write_formats

    missing = [folder for folder in folders if not (folder / "status.json").is_file()]
    if missing:
        raise InputError(f"{missing[0]} is no folder of a predicted video; give results/<dataset>/videos/<release>/….")
    for folder in folders:
        status = read_json(folder / "status.json")
        asked = (status.get("provenance") or {}).get("params") or {}  # an older status has no record
        path = (asked.get("video") or {}).get("path") or status["video"]
        write_formats(folder, words, str(path), str(status["key"]))
    return 0


def merge_files(labels: Path, corrected: Sequence[Path], out: Path, video_paths: Sequence[Path]) -> int:
    """Join corrected labels with the project's and say what was kept, corrected, added and replaced."""
    from posewright.labels.find import Places
    from posewright.labels.merge import merge_labels  # reads labels: heavy, and needed here only

    merged = merge_labels(labels, corrected, out, Places(video_paths))
    written = f"Written to {out}; no other file was changed. Name it under `labels` in the config."
    print("\n".join([written, *merged.lines()]))
    return 0


def overlay_films(given: argparse.Namespace) -> int:
    """Draw the poses of published videos on their films."""
    from posewright.config.project import load_project
    from posewright.layout import read_rows
    from posewright.report.overlay_film import overlay_film

    _require_range(given)
    if len(given.folders) > 1 and (given.film or given.out):
        raise InputError("--film and --out are for one folder; leave them out, or name one folder.")
    films = dict.fromkeys(given.folders, given.film)
    if given.film is None:
        project = load_project(given.config)
        rows = read_rows(Path(project.videos), list(project.datasets)) if project.videos else []
        paths = {row.video: Path(row.path) for row in rows}
        films = {folder: paths.get(folder.absolute().name) for folder in given.folders}
    for folder, film in films.items():
        if film is None:
            raise InputError(
                f"No row of the sheet of videos is called {folder.absolute().name}; name its film by --film."
            )
        out = given.out or folder / "overlay.mp4"
        print(f"{out}: {overlay_film(folder, film, out, given.start, given.stop)} frames")
    return 0


def describe_results(folders: Sequence[Path], config: Path) -> int:
    """Write an RO-Crate's description into folders of results; say which files were changed since they were made."""
    from posewright.config.project import load_project
    from posewright.crate import NAME, write_crate

    if config.exists() and load_project(config).provenance.private:
        os.environ[PRIVATE_VARIABLE] = "1"
    for folder in folders:
        changed = write_crate(folder)
        print(f"{folder / NAME} describes the results.")
        if changed:
            print(f"Changed since they were made, as their records tell: {', '.join(changed)}")
    return 0


def _add_predict(words: argparse.ArgumentParser) -> None:
    words.add_argument("videos", type=Path, nargs="+", metavar="VIDEO")
    words.add_argument(
        "--models", type=Path, nargs="+", required=True, metavar="MODEL", help="one or two model folders, or one bundle"
    )
    words.add_argument("--out", type=Path, required=True, help="folder for the results, one below it for each video")
    words.add_argument("--n-animals", type=_from(1), metavar="N", help="never more tracks than that (default: any)")
    _add_range(words)
    words.add_argument("--roi", type=_roi, metavar="X0,Y0,X1,Y1", help="part of the image, in whole pixels")
    words.add_argument("--backend", choices=("auto", "torch", "openvino"), help="what runs the networks of folders")
    words.add_argument("--peak-threshold", type=_part, metavar="T", help="smallest map value that counts, 0 to 1")
    words.add_argument("--threads", type=_from(1), metavar="N", help="threads of the networks")
    words.add_argument("--no-tracking", action="store_true", help="do not join instances to tracks")


def _add_range(words: argparse.ArgumentParser) -> None:
    words.add_argument("--start", type=_from(0), default=0, metavar="FRAME", help="first frame (default: %(default)s)")
    words.add_argument("--stop", type=_from(1), metavar="FRAME", help="frame to stop before (default: the end)")


def _require_range(given: argparse.Namespace) -> None:
    if given.stop is not None and given.stop <= given.start:
        raise InputError(f"--stop {given.stop} does not lie behind --start {given.start}; correct one of them.")


def _from(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if int(text) < least:
            raise ValueError(text)
        return int(text)

    number.__name__ = f"whole number from {least}"  # what argparse calls it
    return number


def _part(text: str) -> float:
    if not 0.0 <= float(text) <= 1.0:
        raise ValueError(text)
    return float(text)


def _roi(text: str) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (int(side) for side in text.split(","))
    if not (0 <= x0 < x1 and 0 <= y0 < y1):
        raise ValueError(text)
    return x0, y0, x1, y1


_part.__name__, _roi.__name__ = "number from 0 to 1", "box x0,y0,x1,y1"  # what argparse calls them


def predict_files(given: argparse.Namespace) -> int:
    """Predict videos with models or a bundle; the exit code says whether all gave poses."""
    from posewright.predict import Wishes, predict  # opens videos and networks: heavy, and needed here only

    _require_range(given)
    wishes = Wishes(
        n_animals=given.n_animals,
        start=given.start,
        stop=given.stop,
        roi=given.roi,
        tracking=not given.no_tracking,
        backend=given.backend,
        peak_threshold=given.peak_threshold,
        threads=given.threads,
    )
    failed = False
    for status in predict(given.videos, given.models, given.out, wishes):
        failed |= status["state"] == "failed"
        said = f": {status['reason']}, {status['message']}" if status["reason"] else ""
        frames = f"{status['frames_predicted']} of {status['frames_expected']} frames"
        print(f"{given.out / status['video']}: {status['state']}, {frames}{said}", flush=True)
    return TOO_MANY_FAILED if failed else 0


def init_project(folder: Path) -> int:
    """Write a project folder: config, an empty sheet, and a copy of the recipes to change."""
    from posewright.start import write_project

    write_project(folder, checkout() / "config" / "recipes")
    print(f"Project written to {folder}. Next: edit {folder / CONFIG}, then: cd {folder} && posewright check")
    return 0


def checkout() -> Path:
    """Return the folder with the workflow: the package is installed from it with ``pip install -e``."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "workflow" / "Snakefile").is_file():
        raise InputError("The workflow is not beside the package; install posewright with pip install -e <checkout>.")
    return root
