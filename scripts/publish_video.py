"""Publish one video (rule publish_video): a product of the work folder -> the video's folder under results.

Standard library only: this runs once per video in the controller (``python -IS``) and has to start at once. Poses that
a person corrected get a name of their own first; Snakemake leaves them in place until then.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

STATUS_NAME = "status.json"
COPIED_NAMES = ("poses.slp", "poses.nwb")  # people save into them, and a hard link would be the same file
FICLONE = 0x40049409  # ioctl: share the blocks of another file until one of the two changes


def main() -> int:
    """Publish the files; return 1 if the manifest names a product that is gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="JSON file that predict_videos wrote")
    parser.add_argument("--video", required=True, help="id of the video")
    parser.add_argument("--release", required=True, help="name of the release")
    parser.add_argument("--out", type=Path, required=True, help="folder of the published video")
    arguments = parser.parse_args()
    keep_edited(arguments.out)
    try:
        entry = json.loads(arguments.manifest.read_text(encoding="utf-8"))["videos"][arguments.video]
        product = Path(entry["product"])
        status = json.loads((product / STATUS_NAME).read_text(encoding="utf-8"))
        missing = [name for name in entry["files"] if not (product / name).is_file()]
        if missing or status["key"] != entry["key"]:
            raise FileNotFoundError(f"{str(product)!r} lacks {', '.join(missing) or 'the key of the manifest'}")
    except (OSError, KeyError, ValueError) as error:
        arguments.manifest.unlink(missing_ok=True)  # a stale manifest would fail every later run
        print(
            f"The product of video {arguments.video!r} is not there ({error}). The manifest "
            f"{str(arguments.manifest)!r} was removed: run the workflow again, and this video is predicted anew.",
            file=sys.stderr,
        )
        return 1
    publish(product, entry["files"], {**status, "video": arguments.video, "release": arguments.release}, arguments.out)
    return 0


def keep_edited(out: Path) -> None:
    """Keep what a person saved into the poses that are there; end with the reason if that fails."""
    if not (out / STATUS_NAME).exists():
        return  # published for the first time
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    from posewright.errors import InputError
    from posewright.prediction.edited import set_aside

    try:
        kept = set_aside(out)
    except InputError as fault:
        sys.exit(str(fault))
    if kept:
        print(f"Somebody saved into poses.slp since it was published: that file is {kept} now.")


def publish(product: Path, names: list[str], status: dict[str, object], out: Path) -> None:
    """Put the files of a product under ``out``, each whole or not at all, the status last."""
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        if name != STATUS_NAME:
            put = _copy if name in COPIED_NAMES else _link
            _replace(out / name, partial(put, product / name))
    text = json.dumps(status, sort_keys=True, indent=2) + "\n"
    _replace(out / STATUS_NAME, lambda target: target.write_text(text, encoding="utf-8"))


def _replace(path: Path, fill: Callable[[Path], object]) -> None:
    """Make a file under a name of its own, then give it its name."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / path.name
        fill(temporary)
        temporary.replace(path)  # a no-op if both are links to one file: the folder takes the rest away


def _link(source: Path, target: Path) -> None:
    """Link a file, or copy it where the file systems differ or allow no links."""
    try:
        os.link(source, target)
    except OSError:
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, sharing its blocks where the file system can."""
    with source.open("rb") as read, target.open("wb") as written:
        try:
            import fcntl

            fcntl.ioctl(written.fileno(), FICLONE, read.fileno())
        except (ImportError, OSError):
            shutil.copyfileobj(read, written, 1 << 20)


if __name__ == "__main__":
    sys.exit(main())
