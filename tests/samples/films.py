"""Films as labs have them, made by the ffmpeg that imageio brings along."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg

N_FRAMES, FPS = 60, 20


def film(path: Path, codec: str, *, filters: str = "null") -> Path:
    """Write three seconds of a moving test picture; every frame differs from every other."""
    source = f"testsrc2=size=160x120:rate={FPS}:duration={N_FRAMES // FPS},{filters}"
    run("-f", "lavfi", "-i", source, *codec.split(), "-fps_mode", "passthrough", str(path))
    return path


def run(*words: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def with_index(avi: Path, to: Path, change: Callable[[list[bytes]], list[bytes]]) -> Path:
    """Copy an AVI with the entries of its index changed; no entries at all: without index."""
    content = avi.read_bytes()
    place = content.rindex(b"idx1")
    length = struct.unpack("<I", content[place + 4 : place + 8])[0]
    index = content[place + 8 : place + 8 + length]
    entries = change([index[i : i + 16] for i in range(0, length, 16)])
    made = b"idx1" + struct.pack("<I", 16 * len(entries)) + b"".join(entries) if entries else b""
    to.write_bytes(content[:place] + made)
    return to
