"""Bundles: equal bytes for equal content, and nothing but a sound bundle is ever used."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from posewright.errors import InputError
from posewright.files import digest_of, file_digest, read_json, write_json
from posewright.prediction.bundle import CARD, MANIFEST, PROVENANCE, read_manifest, unpack
from posewright.prediction.release import import_release, make_release, read_release

from ..training.small import make_small_data, small_recipe, train

MakeModel = Callable[..., Path]
Members = dict[str, bytes]


def bundled(folder: Path, models: list[Path], name: str = "dots", **settings: Any) -> Path:
    out = folder / name / "release.json"
    make_release(name, {"method": "m"}, models, out, folder / "ledger.tsv", **{"backend": "torch", **settings})
    return out.with_name(f"{name}.posewright")


def members(bundle: Path) -> Members:
    with zipfile.ZipFile(bundle) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def write(path: Path, content: Members, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def with_manifest(content: Members, change: Callable[[dict[str, Any]], object]) -> Members:
    manifest = json.loads(content[MANIFEST])
    change(manifest)
    return {**content, MANIFEST: json.dumps(manifest).encode()}


@pytest.fixture
def bundle(tmp_path: Path, make_model: MakeModel) -> Path:
    return bundled(tmp_path, [make_model()])


def test_equal_content_gives_equal_bytes(tmp_path: Path, make_model: MakeModel) -> None:
    model = make_model()
    first, again = bundled(tmp_path / "a", [model]), bundled(tmp_path / "b", [model])
    assert first.read_bytes() == again.read_bytes()
    assert bundled(tmp_path / "c", [make_model(weights="other")]).read_bytes() != first.read_bytes()


def test_a_bundle_is_all_of_the_release(tmp_path: Path, bundle: Path) -> None:
    by_json = read_release(bundle.with_name("release.json"))
    moved = tmp_path / "another user's folder" / "renamed.posewright"
    moved.parent.mkdir()
    shutil.move(bundle, moved)
    by_bundle = read_release(moved)
    assert (by_bundle.digest, by_bundle.options, by_bundle.skeleton) == (
        by_json.digest,
        by_json.options,
        by_json.skeleton,
    )
    assert set(members(moved)) == {
        *(MANIFEST, CARD, PROVENANCE),
        *("0_dots/best.ckpt", "0_dots/model.json", "0_dots/training_config.yaml"),
    }


def test_it_is_unpacked_once_and_again_after_a_purge(tmp_path: Path, bundle: Path) -> None:
    release = read_release(bundle)
    (folder,) = release.unpacked(tmp_path / "work")
    before = (folder / "best.ckpt").stat().st_mtime_ns
    assert release.unpacked(tmp_path / "work") == (folder,)
    assert (folder / "best.ckpt").stat().st_mtime_ns == before
    (folder / "best.ckpt").unlink()
    assert release.unpacked(tmp_path / "work") == (folder,)
    assert (folder / "best.ckpt").is_file()
    assert [path.name for path in (tmp_path / "work").iterdir()] == [folder.parent.name]


def test_the_card_tells_what_it_is_and_how_good(tmp_path: Path, make_model: MakeModel) -> None:
    model = make_model(training={"train_samples": 34, "steps": 7, "stopped_by": "plateau"})
    card = members(bundled(tmp_path, [model]))[CARD].decode()
    assert "**Not itself evaluated.**" in card and "34 training images or crops" in card
    assert "middle, left, never" in card
    weights = read_json(model / "model.json")["weights_sha256"]
    metrics = {
        "side": "val",
        "models_digest": digest_of([weights]),
        "label_source": "human",
        "split": {"by": "session", "frames": {"train": 12, "val": 3, "test": 4}},
        "pck": {"5": 0.87654, "denominator": 9},
        "counts": {"frames": 3, "true": 9, "matched": 8},
    }
    write_json(tmp_path / "metrics.json", metrics)
    card = members(bundled(tmp_path / "b", [model], evaluations=[tmp_path / "metrics.json", tmp_path / "none.json"]))
    told = card[CARD].decode()
    assert "| val | 3 | 8 of 9 | not measured | 0.877 |" in told
    assert "labels made by: human" in told and "12 train, 3 val, 4 test; divided by session" in told
    write_json(tmp_path / "metrics.json", {**metrics, "models_digest": "of other weights"})
    card = members(bundled(tmp_path / "c", [model], evaluations=[tmp_path / "metrics.json"]))
    assert "**Not itself evaluated.**" in card[CARD].decode()


def test_hosts_and_jobs_stay_at_home(tmp_path: Path, make_model: MakeModel) -> None:
    model = make_model()
    machine = {"host": "secret.lab.org", "slurm_job": "17", "device": "cpu"}
    write_json(model / "provenance.json", {"stage": "train_model", "machine": machine})
    content = members(bundled(tmp_path, [model]))
    assert not any(b"secret" in data for data in content.values())
    assert json.loads(content[PROVENANCE])["models"]["0_dots"]["machine"] == {"device": "cpu"}


def hostile(content: Members) -> dict[str, tuple[Members, str]]:
    """Return bundles that must be refused, with a part of the sentence."""
    lean = {name: data for name, data in content.items() if name != "0_dots/best.ckpt"}
    listed = with_manifest(lean, lambda m: m["files"].pop("0_dots/best.ckpt"))
    return {
        "parent": ({**content, "../evil.txt": b"x"}, "which no bundle holds"),
        "parent in a model": ({**content, "0_dots/../../evil": b"x"}, "which no bundle holds"),
        "absolute": ({**content, "/tmp/evil": b"x"}, "which no bundle holds"),
        "windows": ({**content, "0_dots\\..\\evil": b"x"}, "which no bundle holds"),
        "dots": ({**content, "../best.ckpt": b"x"}, "which no bundle holds"),
        "script": ({**content, "0_dots/setup.py": b"x"}, "which no bundle holds"),
        "no manifest": ({name: data for name, data in content.items() if name != MANIFEST}, "no release.json"),
        "no JSON": ({**content, MANIFEST: b"{"}, "not that of a release"),
        "a list": ({**content, MANIFEST: b"[]"}, "not that of a release"),
        "nothing in it": ({**content, MANIFEST: b"{}"}, "not that of a release"),
        "missing member": (lean, "not those that its release.json lists"),
        "missing and not listed": (listed, "it lacks 0_dots/best.ckpt"),
        "another schema": (with_manifest(content, lambda m: m.update(schema=99)), "has schema 99"),
        "another threshold": (with_manifest(content, lambda m: m["options"].update(peak_threshold=0.9)), "was changed"),
        "unknown option": (with_manifest(content, lambda m: m["options"].update(magic=1)), "cannot be read"),
        "unknown backend": (with_manifest(content, lambda m: m.update(backend="shell")), "does not know"),
        "folder that leads out": (
            with_manifest(content, lambda m: m["models"][0].update(folder="../..")),
            "it lacks ../../",
        ),
    }


def test_what_is_no_sound_bundle_is_refused_with_a_sentence(tmp_path: Path, bundle: Path) -> None:
    for case, (content, sentence) in hostile(members(bundle)).items():
        path = write(tmp_path / "bad.posewright", content)
        with pytest.raises(InputError) as told:
            read_release(path)
        assert sentence in str(told.value), case
    for data in (b"", b"not a zip", bundle.read_bytes()[:-100]):
        (tmp_path / "bad.posewright").write_bytes(data)
        with pytest.raises(InputError, match="no sound bundle"):
            read_release(tmp_path / "bad.posewright")
    with pytest.raises(InputError, match="There is no bundle"):
        read_release(tmp_path / "gone.posewright")


def test_no_member_is_larger_than_the_file(tmp_path: Path, bundle: Path) -> None:
    bomb = write(tmp_path / "bomb.posewright", {**members(bundle), CARD: bytes(1 << 20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="compressed"):
        read_manifest(bomb)


def test_a_swapped_member_is_found_when_unpacked(tmp_path: Path, bundle: Path) -> None:
    content = members(bundle)
    same_size = bytes(len(content["0_dots/best.ckpt"]))
    path = write(tmp_path / "swapped.posewright", {**content, "0_dots/best.ckpt": same_size})
    with pytest.raises(InputError, match=r"best\.ckpt is not what release\.json in it says"):
        unpack(path, tmp_path / "out")


def test_a_bundle_changed_beside_its_release_is_not_used(tmp_path: Path, bundle: Path) -> None:
    release = read_release(bundle.with_name("release.json"))
    write(bundle, members(bundle) | {CARD: b" " * len(members(bundle)[CARD])})
    with pytest.raises(InputError, match="is not the file of which"):
        release.unpacked(tmp_path / "work")


# ---- from elsewhere


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a really trained, tiny model."""
    folder = tmp_path_factory.mktemp("real")
    make_small_data(folder / "data")
    recipe = small_recipe("bottomup", train_steps_per_epoch=2, max_epochs=1)
    model = train(folder / "data", recipe, folder / "models" / "bottomup" / "fold0_seed0")
    return bundled(folder, [model], "real")


def test_exported_networks_have_equal_bytes_too(tmp_path: Path, real: Path) -> None:
    (model,) = real.parents[1].glob("models/*/fold0_seed0")
    first, again = (bundled(tmp_path / side, [model], backend="openvino") for side in ("a", "b"))
    assert {Path(name).name for name in members(first)} > {"model.xml", "model.bin"}
    assert first.read_bytes() == again.read_bytes()


def bring(folder: Path, source: Path | str, sha256: str | None = None, name: str = "brought") -> Path:
    out = folder / "results" / name / "release.json"
    digest = sha256 or file_digest(Path(source))
    import_release(name, {"sha256": digest}, str(source), digest, out, folder / "results" / "ledger.tsv")
    return out


def test_a_bundle_is_brought_under_a_name_of_its_own(tmp_path: Path, real: Path) -> None:
    out = bring(tmp_path, real)
    assert sorted(path.name for path in out.parent.iterdir()) == ["brought.posewright", "release.json"]
    assert out.with_name("brought.posewright").read_bytes() == real.read_bytes()
    value, theirs = read_json(out), read_release(real)
    assert (value["name"], value["digest"], value["origin"]["name"]) == ("brought", theirs.digest, "real")
    assert value["definition"] == {"sha256": file_digest(real)}
    out.unlink()
    bring(tmp_path, real)  # the same content may come back
    assert read_release(out).digest == theirs.digest


def test_another_file_than_the_digest_names_is_refused(tmp_path: Path, real: Path) -> None:
    with pytest.raises(InputError, match="the config says"):
        bring(tmp_path, real, "0" * 64)
    with pytest.raises(InputError, match="does not exist"):
        bring(tmp_path, tmp_path / "gone.posewright", "0" * 64)
    assert not list((tmp_path / "results" / "brought").iterdir())


class Evil:
    def __reduce__(self) -> Any:
        return exec, ("import pathlib; pathlib.Path('executed').touch()",)


def test_weights_are_never_run(tmp_path: Path, real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = members(real)
    (checkpoint,) = (name for name in content if name.endswith("best.ckpt"))
    inner = io.BytesIO(content[checkpoint])
    changed = io.BytesIO()
    with zipfile.ZipFile(inner) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.infolist():
            evil = entry.filename.endswith("data.pkl")
            new.writestr(entry, pickle.dumps(Evil(), protocol=2) if evil else old.read(entry))
    for data in (changed.getvalue(), pickle.dumps(Evil(), protocol=2)):
        content[checkpoint] = data
        (tmp_path / "weights").write_bytes(data)
        listed = {"sha256": file_digest(tmp_path / "weights"), "bytes": len(data)}
        bad = with_manifest(content, lambda m, listed=listed: m["files"].update({checkpoint: listed}))  # type: ignore[misc]
        with pytest.raises(InputError, match="cannot be opened"):
            bring(tmp_path, write(tmp_path / "bad.posewright", bad))
        assert not (tmp_path / "executed").exists()
        assert not list((tmp_path / "results" / "brought").iterdir())


@pytest.fixture
def server(real: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(real.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_bundle_is_downloaded(tmp_path: Path, real: Path, server: str) -> None:
    out = bring(tmp_path, f"{server}/real.posewright", file_digest(real))
    assert read_release(out).digest == read_release(real).digest
    with pytest.raises(InputError, match="answers 404"):
        bring(tmp_path, f"{server}/none.posewright", "0" * 64, "none")


def test_what_cannot_be_downloaded_is_a_sentence(tmp_path: Path, server: str) -> None:
    with pytest.raises(InputError, match="give its path"):
        bring(tmp_path, "http://127.0.0.1:1/x.posewright", "0" * 64)
    with pytest.raises(InputError, match="neither http nor https"):
        bring(tmp_path, "file:///etc/passwd", "0" * 64)
