"""What a bundle tells people of itself: ``MODEL_CARD.md``, and where its models come from as ``provenance.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posewright.files import digest_of, read_json
from posewright.surroundings import git_commit, package_versions

_FINDS = {
    "centroid": "where each animal is",
    "centered_instance": "the body parts of the animal in the middle of a crop",
    "single_instance": "the body parts of the one animal in view",
    "bottomup": "the body parts of all animals, joined along the skeleton",
    "multi_class_bottomup": "the body parts of all animals, and which individual each belongs to",
    "multi_class_topdown": "the body parts of the animal in the middle of a crop, and which individual it is",
}
#: Of the machine: what names a person or a place stays at home.
_TOLD_OF_MACHINE = ("system", "python", "processor", "cpus", "device")
_VERSIONS = ("posewright", "torch", "openvino", "numpy")


def scores_of(evaluations: Sequence[Path], weights: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return side -> ``metrics.json`` of those evaluations that scored models of exactly these weights.

    Args:
        evaluations: ``metrics.json`` files, there or not.
        weights: digests of the models' weights, as in ``model.json``.
    """
    these = digest_of(sorted(weights))
    found = [read_json(path) for path in evaluations if path.is_file()]
    return {metrics["side"]: metrics for metrics in found if metrics.get("models_digest") == these}


def provenance_of(models: Mapping[str, Path]) -> dict[str, Any]:
    """Return the records of the models' trainings, without hosts and jobs, and what the release was made with."""
    return {
        "schema": 1,
        "models": {name: _record(folder / "provenance.json") for name, folder in models.items()},
        "packages": package_versions(),
        "git_commit": git_commit(),
    }


def _record(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    record: dict[str, Any] = read_json(path)
    machine = record.get("machine") or {}
    return {**record, "machine": {name: machine[name] for name in _TOLD_OF_MACHINE if name in machine}}


def model_card(
    manifest: Mapping[str, Any], cards: Sequence[Mapping[str, Any]], scores: Mapping[str, Mapping[str, Any]]
) -> str:
    """Return the card of a release as Markdown.

    Args:
        manifest: the release's ``release.json``.
        cards: ``model.json`` of each of its models.
        scores: of these very models, by side of the split.
    """
    is_refit = bool(manifest.get("refit"))
    sections = {
        "What it is": _what(manifest),
        "Trained on": _trained_on(manifest, cards, scores),
        "How good it is": _of_the_method(scores) if is_refit else _how_good(scores),
        "Limits": _limits(manifest, scores),
        "How to use it": _how_to_use(manifest),
        "Licence of the weights": [
            "Not stated. The weights belong to whoever trained them: ask before you pass them on, and write the "
            "licence beside the file when you do."
        ],
        "Versions": _versions(manifest),
    }
    text = "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in sections.items())
    return f"# {manifest['name']}\n\n{text}\n"


def _what(manifest: Mapping[str, Any]) -> list[str]:
    skeleton, options = manifest["skeleton"], manifest["options"]
    lines = ["A release of Posewright: everything that turns a video into poses, frozen.", ""]
    for model in manifest["models"]:
        finds = _FINDS.get(model["model_type"], "poses")
        lines.append(f"- `{model['folder']}`: {model['model_type']}, finds {finds}; weights {model['weights_sha256']}")
    return [
        *lines,
        f"- body parts: {', '.join(skeleton['nodes'])}",
        f"- edges: {', '.join(' - '.join(edge) for edge in skeleton.get('edges', ())) or 'none'}",
        f"- runs with {manifest['backend']} in {manifest['dtype']}; map values from {options['peak_threshold']} count",
        f"- made of: {_spelled(manifest['definition'])}",
        f"- digest of all that decides the poses: {manifest['digest']}",
    ]


def _trained_on(
    manifest: Mapping[str, Any], cards: Sequence[Mapping[str, Any]], scores: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    lines = [f"- split {manifest['split_digest'] or 'not recorded'}"]
    if manifest.get("refit"):
        lines = [f"{lines[0]}: the frames of all its sides, train, val and test"]
    for facts in list(scores.values())[:1]:
        split = facts.get("split") or {}
        counts = split.get("frames") or {}
        frames = ", ".join(f"{counts[side]} {side}" for side in ("train", "val", "test") if side in counts)
        lines.append(f"- labels made by: {facts.get('label_source') or 'not recorded'}")
        lines.append(f"- labelled frames: {frames or 'not recorded'}; divided by {split.get('by') or 'not recorded'}")
    for model, card in zip(manifest["models"], cards, strict=True):
        known = card.get("training") or {}
        told = [f"{known[key]} {noun}" for key, noun in _TOLD.items() if known.get(key) is not None]
        end = f", ended by {known['stopped_by']}" if known.get("stopped_by") else ""
        lines.append(f"- `{model['folder']}`: {', '.join(told) or 'its training is not recorded'}{end}")
    return lines


_TOLD = {"train_samples": "training images or crops", "steps": "steps", "parameters": "weights"}


def _how_good(scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not scores:
        return ["**Not itself evaluated.** No score of exactly these weights was there when the release was made."]
    lines = ["Of exactly these weights, on labelled frames that no training saw:", ""]
    lines += ["| side | frames | animals found | mAP (OKS) | PCK at 5 px | median, px |", "|---|---|---|---|---|---|"]
    for side, metrics in sorted(scores.items()):
        cells = (
            side,
            _cell(metrics, "counts", "frames"),
            f"{_cell(metrics, 'counts', 'matched')} of {_cell(metrics, 'counts', 'true')}",
            _cell(metrics, "oks", "map"),
            _cell(metrics, "pck", "5"),
            _cell(metrics, "distance_px", "p50"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    if "test" not in scores:
        lines += ["", "Settings may have been chosen by the val frames; a score on test frames was not there."]
    return lines


def _of_the_method(scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what is known of weights that learnt from all labels: nothing but the scores of their recipe."""
    lines = [
        "**Not itself evaluated.** It was trained once more on all labelled frames, those of the test side too, for as "
        "many steps as the evaluated model of the same recipe, fold and seed learnt. No frame is left to score it by.",
        "",
    ]
    if not scores:
        return [*lines, "Scores of the evaluated model were not there when the release was made."]
    return [*lines, "The scores of the method are those of the evaluated model:", *_how_good(scores)[1:]]


def _cell(metrics: Mapping[str, Any], *keys: str) -> str:
    value: Any = metrics
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get("value")
    return "not measured" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _limits(manifest: Mapping[str, Any], scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "- Scores say how good it is on frames like those it was trained on. Another camera, light, arena, strain or "
        "number of animals is another question: label some frames there and evaluate.",
        "- It finds the body parts listed above and no others.",
    ]
    if any(metrics.get("label_source") == "model" for metrics in scores.values()):
        lines.append("- The labels were made by a model: scores say how well it imitates that model.")
    if manifest["backend"] == "openvino":
        lines.append("- It runs on CPUs (OpenVINO), also where torch is missing.")
    return lines


def _how_to_use(manifest: Mapping[str, Any]) -> list[str]:
    file = f"{manifest['name']}.posewright"
    return [
        "For one video:",
        "",
        "```sh",
        f"posewright predict video.mp4 --models {file} --out poses",
        "```",
        "",
        "For many, in the config of a project, with the digest that `sha256sum` gives; no labels are needed:",
        "",
        "```yaml",
        f"releases: {{{manifest['name']}: {{bundle: path/to/{file}, sha256: ...}}}}",
        f"predict: {{releases: [{manifest['name']}]}}",
        "```",
    ]


def _versions(manifest: Mapping[str, Any]) -> list[str]:
    packages = package_versions()
    return [
        ", ".join(f"{name} {packages[name]}" for name in _VERSIONS if name in packages),
        "",
        f"Stages: {_spelled(manifest['stages'])}. More stands in `provenance.json`.",
    ]


def _spelled(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {item}" for key, item in value.items()) or "not recorded"
