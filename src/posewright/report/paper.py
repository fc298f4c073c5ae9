"""A methods paragraph to paste into a paper: every number in it comes from a file of the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from posewright.config.auto import at
from posewright.evaluation.conditions import sigma_words
from posewright.evaluation.tuning import objective_words
from posewright.report import citations
from posewright.report.citations import Work
from posewright.report.context import Context
from posewright.report.gather import Results, TrainedModel, finite
from posewright.report.page import Block, Bullets, Command, Section, Text
from posewright.report.words import count, counted, difference_of, metric_name, number

_SOURCES = {
    "human": "labelled by people",
    "corrected": "labelled by a model and corrected by people",
    "model": "labelled by an earlier model",
}
_KINDS = {
    "single_instance": "a single-instance network",
    "centroid": "a centroid network",
    "centered_instance": "a centred-instance network",
    "bottomup": "a bottom-up network (confidence maps and part affinity fields)",
    "multi_class_bottomup": "a multi-class bottom-up network",
    "multi_class_topdown": "a multi-class centred-instance network",
}
_BACKBONES = {"unet": "UNet", "convnext": "ConvNeXt", "swint": "Swin Transformer"}


def paper_section(context: Context) -> Section | None:
    """Return the paragraph and its references; None where no method was evaluated."""
    results = context.results
    if not results.evaluations:
        return None
    cited: list[Work] = []
    sentences = [
        *_data(results, context),
        *_models(results, cited),
        *_scoring(results, cited),
        *_comparison(results, cited),
        *_software(results, cited),
    ]
    blocks: list[Block] = [
        Text(
            "Written from the files of this run, to be shortened and adapted; add who was recorded, with which camera, "
            "and who labelled.",
            "quiet",
        ),
        Command(" ".join(sentences), prose=True),
        Bullets("References", citations.references(cited)),
    ]
    return Section("paper", "Methods paragraph for a paper", "For a paper", blocks)


def _data(results: Results, context: Context) -> Iterator[str]:
    """Labels and split."""
    split = next((found for found in results.splits.values() if found), None)
    source = _SOURCES.get(str(results.evaluations[0].metrics.get("label_source")), "labelled (source not recorded)")
    skeleton = context.skeleton
    nodes = f", {counted(len(skeleton.nodes), 'body part')} per animal" if skeleton else ""
    if split is None:
        yield f"Frames were {source}{nodes}."
        return
    groups = [group for group in split.get("groups", ()) if isinstance(group, Mapping)]
    total = sum(int(group.get("frames", 0)) for group in groups)
    sides = []
    for side, word in (("train", "training"), ("val", "validation"), ("test", "test")):
        own = [int(group.get("frames", 0)) for group in groups if group.get("side") == side]
        sides.append(f"{count(sum(own))} for {word} ({counted(len(own), 'group')})")
    yield f"{count(total)} frames were {source}{nodes}."
    folds = f" in {split['folds']} folds" if split.get("folds", 1) != 1 else ""
    yield (
        f"They were divided by {split.get('by', 'an unrecorded rule')}{folds} with seed {split.get('seed')}, once for "
        f"all methods: {', '.join(sides)}."
    )


def _models(results: Results, cited: list[Work]) -> Iterator[str]:
    """Networks, and how they were trained."""
    firsts = {model.recipe: model for model in reversed(results.models)}
    for recipe in sorted(firsts):
        own = [model for model in results.models if model.recipe == recipe]
        yield _model(recipe, firsts[recipe], own)
        if at(firsts[recipe].info.get("recipe") or {}, "trainer_config.online_hard_keypoint_mining.online_mining"):
            cited.append(citations.HARD_KEYPOINTS)
            yield f"{recipe} used online hard keypoint mining ({citations.HARD_KEYPOINTS.short})."
    if firsts:
        cited += [citations.UNBIASED_CROPS, citations.SUBPIXEL]
        yield (
            "Crops and resizing followed one sub-pixel transform "
            f"({citations.UNBIASED_CROPS.short}), and maxima of the maps were refined between cells by a weighted "
            f"log-Gaussian fit (compare {citations.SUBPIXEL.short})."
        )


def _model(recipe: str, model: TrainedModel, own: Sequence[TrainedModel]) -> str:
    """Return the sentence on one recipe, as far as its model.json tells."""
    settings = model.info.get("recipe") or {}
    backbone = at(settings, "model_config.backbone_config")
    kind = next((name for name, value in backbone.items() if value), None) if isinstance(backbone, Mapping) else None
    training = [found for one in own if isinstance(found := one.info.get("training"), Mapping)]
    parts = [f"{recipe} is {_KINDS.get(str(model.info.get('model_type')), 'a network')}"]
    if kind:
        parts.append(f"on a {_BACKBONES.get(kind, kind)}")
    parameters = finite(training[0].get("parameters")) if training else None
    details = [f"{count(parameters)} parameters" if parameters else ""]
    scale, crop = (finite(at(model.info, f"preprocess.{key}")) for key in ("scale", "crop_size_px"))
    details += [f"input scale {scale:g}" if scale else "", f"crops of {crop:g} px" if crop else ""]
    batch = finite(at(settings, "trainer_config.train_data_loader.batch_size"))
    rate = finite(at(settings, "trainer_config.optimizer.lr"))
    optimiser = at(settings, "trainer_config.optimizer_name")
    details += [f"batches of {batch:g}" if batch else "", f"{optimiser} at a rate of {rate:g}" if rate else ""]
    told = ", ".join(detail for detail in details if detail)
    steps = [found for one in training if (found := finite(one.get("steps"))) is not None]
    seeds = sorted({one.seed for one in own})
    runs = f", trained with {counted(len(seeds), 'seed')}"
    if steps:
        reach = count(min(steps)) if min(steps) == max(steps) else f"{count(min(steps))} to {count(max(steps))}"
        runs += f" for {reach} optimiser steps"
    return " ".join(parts) + (f" ({told})" if told else "") + runs + "."


def _scoring(results: Results, cited: list[Work]) -> Iterator[str]:
    """Thresholds, matching, metrics."""
    chosen = [one.metrics.get("thresholds") or {} for one in results.evaluations]
    objectives = {str(one["objective"]) for one in chosen if one.get("source") == "tuned" and one.get("objective")}
    for objective in sorted(objectives):
        yield (
            "The smallest map value of a body part and the smallest score of an animal were chosen for each trained "
            f"method on the validation frames, so that {objective_words(objective)} was greatest."
        )
    yield (
        "Predicted and labelled animals were matched frame by frame by the assignment of greatest total closeness, by "
        "the same rule for all methods; body parts that were not found count as misses."
    )
    sigma, area = (at(results.evaluations[0].metrics, f"oks.{name}") for name in ("sigma", "area"))
    if isinstance(sigma, Mapping) or finite(sigma) is not None:
        cited.append(citations.COCO)
        words = sigma_words(sigma) if isinstance(sigma, Mapping) else f"sigma {sigma:g}"
        yield f"OKS ({citations.COCO.short}) used {words} and the {area}."
    if any(one.metrics.get("errors") for one in results.evaluations):
        cited.append(citations.ERROR_CLASSES)
        yield f"Errors were classed after {citations.ERROR_CLASSES.short}."


def _comparison(results: Results, cited: list[Work]) -> Iterator[str]:
    """Question, unit, intervals, tests, the answer."""
    summary, names = results.summary, results.method_names
    if len(names) < 2 or not summary:
        return
    primary, margin, confidence = (summary.get(key) for key in ("primary", "margin", "confidence"))
    unit = summary.get("unit") or {}
    side = {"val": "validation", "test": "test"}.get(results.side, results.side)
    yield (
        f"{' and '.join(names) if len(names) == 2 else ', '.join(names)} were compared on the {side} frames by "
        f"{metric_name(str(primary))}, with a margin of {difference_of(str(primary), margin, sign=False)}, both fixed "
        "before the scores were seen."
    )
    level = finite(confidence)
    told = f"{100 * level:g} %" if level else "The"
    icc = finite(unit.get("icc"))
    correlation = f", intra-class correlation {number(icc, 2)}" if icc is not None else ""
    cited.append(citations.SKEWED_MEANS)
    yield (
        f"The unit of inference was the {unit.get('kind', 'unit')} (n = {count(unit.get('n'))}{correlation}); {told} "
        f"intervals come from t statistics of unit means, widened for skewness ({citations.SKEWED_MEANS.short})."
    )
    if len({one.seed for one in results.evaluations}) > 1:
        cited.append(citations.BENCHMARK_VARIANCE)
        yield f"Units and seeds were crossed, as chance acts through both ({citations.BENCHMARK_VARIANCE.short})."
    if len(results.splits) > 1:
        cited.append(citations.CORRECTED_FOLDS)
        yield f"Variance over folds was corrected after {citations.CORRECTED_FOLDS.short}."
    if len(summary.get("sentences") or ()) > 1:
        cited.append(citations.SEVERAL_PAIRS)
        yield f"P-values were adjusted for the number of pairs after {citations.SEVERAL_PAIRS.short}."
    if summary.get("answer"):
        yield f"Result: {summary['answer']}"


def _software(results: Results, cited: list[Work]) -> Iterator[str]:
    """Versions and commit, where all records agree."""
    versions: dict[str, set[str]] = {}
    for record in results.provenance.values():
        for name, value in {**(record.get("packages") or {}), "commit": record.get("git_commit")}.items():
            if value:
                versions.setdefault(str(name), set()).add(str(value))

    def told(name: str) -> str:
        return ", ".join(sorted(versions.get(name, ()))) or "version not recorded"

    cited.append(citations.SNAKEMAKE)
    commit = f", commit {min(versions['commit'])[:12]}" if len(versions.get("commit", ())) == 1 else ""
    yield (
        f"Everything was computed with Posewright ({told('posewright')}{commit}), PyTorch ({told('torch')}) and "
        f"Snakemake ({told('snakemake')}; {citations.SNAKEMAKE.short})."
    )
