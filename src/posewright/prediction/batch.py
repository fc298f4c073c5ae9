"""Predict a batch of videos with one release: models are opened once, each video ends with files and a state.

For each video, in this order: a finished product is kept; published files of the same key are adopted; else it is
predicted, from where an interrupted job or other jobs left it. A video that failed is always tried again, for the file
may have come since.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from posewright.config.stages import STAGE_VERSION
from posewright.deadline import Deadline
from posewright.discretion import publishable
from posewright.effort import Journal, together
from posewright.files import digest_of, write_json
from posewright.lease import Lease
from posewright.prediction.contracts import Estimator, Tracker
from posewright.prediction.formats import FORMATS, write_formats
from posewright.prediction.pieces import Chunk, Cut
from posewright.prediction.product import Product, kept_files
from posewright.prediction.release import Release, read_release
from posewright.prediction.status import STATUS_NAME, Status, read_status, write_status
from posewright.prediction.task import VideoTask
from posewright.prediction.video import predict_chunk, predict_video, write_slp_again
from posewright.provenance import Record, sampled_digest

SCHEMA = 1
_KEEP = ("poses", "frames", "slp")
_TRIES = ".tries.jsonl"  #: files that count the tries at a video and its chunks, beside its pieces
_REFIT_NOTE = "the release learnt from all labels and is not itself evaluated; its method's scores are of another model"

MakeTracker = Callable[[VideoTask, Mapping[str, Any] | None], Tracker | None]

_log = logging.getLogger(__name__)


def predict_videos(
    release: Path,
    videos: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    work: Path,
    published: Path,
    manifest: Path,
    make_tracker: MakeTracker,
    open_estimator: Callable[[Release], Estimator] | None = None,
) -> None:
    """Predict videos and write the manifest that says where each product lies.

    Args:
        release: a ``release.json``, or a bundle.
        videos: rows of the sheet; one with the entry ``chunk``, as ``[number, count]``, asks for a part of its
            video that another job joins with the others.
        settings: the section ``predict`` of the configuration, resolved.
        work: undeclared work folder of prediction; products go to ``products`` in it, unfinished ones to ``pieces``.
        published: folder of this release's published videos.
        manifest: the JSON file to write, when all videos have a state.
        make_tracker: gives a video its own tracker, by the setting ``tracker``, or None for none.
        open_estimator: loads the models, at most once; by default from the release's bundle, unpacked in ``work``.

    Raises:
        OutOfTime: the end of the Slurm job is near; finished videos and pieces stay.
    """
    opened = read_release(release)
    deadline = Deadline()
    batch = _Batch(opened, settings, work, published, make_tracker, open_estimator or partial(_load, work), deadline)
    entries: dict[str, Any] = {}
    provenance: dict[str, Any] = {}
    with Lease(manifest.with_suffix(".lease"), on_loss=deadline.bring_near).held(), deadline.watched():
        for row in videos:
            task = VideoTask.from_row(row)
            if row.get("chunk"):
                provenance[task.video] = batch.chunk(task, Chunk(*row["chunk"]))
            else:
                entries[task.video], provenance[task.video] = batch.video(task)
            _log.info("%s: %s", task.video, provenance[task.video]["how"])
    write_json(manifest, {"schema": SCHEMA, "release": opened.name, "videos": entries, "provenance": provenance})


def video_key(release_digest: str, settings: Mapping[str, Any], task: VideoTask) -> str:
    """Return the digest of all that decides a video's product.

    Thresholds, backend and dtype are part of the release's digest. Names of releases and ids of videos decide nothing,
    nor do frames at once, threads, chunks, limits and further formats, which are made of the product's own files.
    """
    keep = sorted(settings.get("keep") or _KEEP)
    return digest_of(
        {
            "release": release_digest,
            "settings": {"tracker": settings.get("tracker"), "keep": keep},
            "video": task.science(),
            "stage": STAGE_VERSION["predict_videos"],
        }
    )


class _Batch:
    """What the videos of a batch share."""

    def __init__(
        self,
        release: Release,
        settings: Mapping[str, Any],
        work: Path,
        published: Path,
        make_tracker: MakeTracker,
        open_estimator: Callable[[Release], Estimator],
        deadline: Deadline,
    ) -> None:
        self._release = release
        self._settings = settings
        self._products = work / "products"
        self._pieces = work / "pieces"
        self._cut = Cut.of(int(settings.get("frames_at_once") or 8), settings.get("chunk_frames"))
        self._published = published
        self._make_tracker = make_tracker
        self._open_estimator = open_estimator
        self._deadline = deadline
        self._n_predicted = 0
        self._estimator: Estimator | None = None
        self._tried: set[str] = set()

    def video(self, task: VideoTask) -> tuple[dict[str, Any], dict[str, Any]]:
        """Bring one video to its product; return its entries for the manifest and the provenance."""
        product = self._product(task)
        status, how = self._bring(task, product)
        also = list(self._settings.get("also_write") or ())
        write_formats(product.folder, also, publishable(task.path), product.key)
        names = [*product.files, *(FORMATS[word][0] for word in also), STATUS_NAME]
        entry = {"key": product.key, "product": str(product.folder), "state": status.state, "files": names}
        return entry, how

    def chunk(self, task: VideoTask, chunk: Chunk) -> dict[str, Any]:
        """Compute one chunk of a video, unless the video is finished; return its entry for the provenance."""
        product = self._product(task)
        found = product.status() or product.published(self._published / task.video)
        if found is not None and found.state != "failed":
            return {"how": "kept"}
        leave, pieces = partial(self._leave_if_out_of_time, task), self._pieces / product.key
        with Journal(pieces / f"chunk{chunk.number}{_TRIES}").attempt(resumes=False):
            predict_chunk(task, self._opened(), self._cut, pieces, chunk, leave)
        return {"how": f"predicted chunk {chunk.number + 1} of {chunk.count}"}

    def _product(self, task: VideoTask) -> Product:
        key = video_key(self._release.digest, self._settings, task)
        return Product(self._products / key, key, tuple(kept_files(list(self._settings.get("keep") or _KEEP))))

    def _bring(self, task: VideoTask, product: Product) -> tuple[Status, dict[str, Any]]:
        status = product.status()
        if status is not None and (status.state != "failed" or product.key in self._tried):
            return status, {"how": "kept"}
        published = self._published / task.video
        adopted = product.adopt(published, partial(write_slp_again, task)) if status is None else None
        if adopted is not None:
            return adopted, {"how": "adopted"}
        self._tried.add(product.key)
        earlier = status or _published_status(published, product.key)
        return self._predict(task, product, earlier.attempts if earlier else 0)

    def _predict(self, task: VideoTask, product: Product, earlier: int) -> tuple[Status, dict[str, Any]]:
        pieces = self._pieces / product.key
        inputs = {self._release.bundle.name: f"content:{self._release.digest}"}
        record = Record(
            "predict_videos",
            {**inputs, task.path: sampled_digest(Path(task.path))},
            {"video": task.science(), "settings": dict(self._settings)},
        )
        before = [total for path in pieces.glob(f"*{_TRIES}") if (total := Journal(path).total())]
        journal = Journal(pieces / f"video{_TRIES}")
        begun = journal.total()
        with journal.attempt(resumes=begun is not None), product.filling() as folder:
            status, timings = predict_video(
                task,
                self._opened(),
                self._make_tracker(task, self._settings.get("tracker")),
                folder,
                self._cut,
                with_slp="slp" in (self._settings.get("keep") or _KEEP),
                pieces=pieces,
                before_each=partial(self._leave_if_out_of_time, task),
            )
            if self._release.is_refit and status.frames_predicted:
                status = replace(status, message="; ".join(filter(None, (status.message, _REFIT_NOTE))))
            for path in folder.iterdir():
                if path.name not in product.files:
                    path.unlink()
            record.facts["timings"] = timings
            spent = together([*before, record.watch.effort()])
            attempts = earlier + spent.attempts + (begun is not None)
            resumes = spent.resumes + (begun is not None)
            record.effort = replace(spent, attempts=attempts, resumes=resumes)
            provenance = record.to_json(sorted(folder.iterdir()), modules=False)
            write_status(folder / STATUS_NAME, status.told(attempts, provenance), product.key)
        shutil.rmtree(pieces, ignore_errors=True)
        self._n_predicted += 1
        return status, {"how": "predicted", **timings}

    def _opened(self) -> Estimator:
        if self._estimator is None:
            self._estimator = self._open_estimator(self._release)
        return self._estimator

    def _leave_if_out_of_time(self, task: VideoTask, n_pieces: int) -> None:
        done = f"interrupted in video {task.video}, {self._n_predicted} were predicted in this job"
        self._deadline.leave_if_near(done, has_gained=self._n_predicted + n_pieces > 0)


def _published_status(folder: Path, key: str) -> Status | None:
    """Return the status published for this key, whether or not its files are there."""
    found = read_status(folder / STATUS_NAME)
    return found[0] if found is not None and found[1] == key else None


def _load(work: Path, release: Release) -> Estimator:
    from posewright.prediction.estimator import load_estimator

    return load_estimator(release.unpacked(work / "releases"), release.options, release.backend)
