"""A release as a method: its frozen models, thresholds and backend, scored on labels that it may never have seen."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from posewright.prediction.peer_model import own_folders
from posewright.prediction.release import read_release


@contextmanager
def opened(models: Sequence[Path], options: Mapping[str, Any]) -> Iterator[tuple[Sequence[Path], Mapping[str, Any]]]:
    """Yield model folders and the options to run them with.

    A release is unpacked, and a model of sleap-nn made one of ours, for as long as this lasts.

    Args:
        models: model folders, or alone a ``release.json`` or a bundle.
        options: of the evaluation; what is frozen in a release stands above them.

    Raises:
        InputError: it is no sound release.
    """
    if len(models) != 1 or not models[0].is_file():
        with own_folders(models) as folders:
            yield folders, options
        return
    release = read_release(models[0])
    frozen = {**asdict(release.options), "backend": release.backend, "source": "release"}
    with tempfile.TemporaryDirectory() as folder:
        yield release.unpacked(Path(folder)), {**options, **frozen}
