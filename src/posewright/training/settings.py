"""Settings of one model, proposed from the labels' measures: what ``auto`` in a recipe takes.

Each rule of thumb is one function. Settings that a recipe gives already are taken as they are, and the others follow
them: a sigma is counted in cells of the recipe's own stride, a crop divides by its own ``max_stride``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from posewright.config.data import GEOMETRIC, Preprocessing
from posewright.config.model import OF_CROPS, UNet
from posewright.errors import InputProblems, Problem, nearest
from posewright.labels.measure import crop_px, divides, dividing_crops_px
from posewright.labels.statistics import LabelStatistics
from posewright.networks.receptive_field import unet_receptive_field_px
from posewright.training.proposal import Proposal, percent
from posewright.training.variation_plan import propose_variation

PLANNED_TYPES = (
    "single_instance",
    "centroid",
    "centered_instance",
    "bottomup",
    "multi_class_bottomup",
    "multi_class_topdown",
)
PREPROCESSING = "data_config.preprocessing"
UNET = "model_config.backbone_config.unet"
TRAIN_BATCH = "trainer_config.train_data_loader.batch_size"
VAL_BATCH = "trainer_config.val_data_loader.batch_size"
ACCUMULATE = "posewright.accumulate"

_ANCHORED = ("centroid", *OF_CROPS)
_STRIDES = (8, 16, 32, 64)  #: of the bottom of a network
_DETAIL_PX = 6.0  #: neighbouring nodes at least so far apart in the network's input
_SEEN_PX = 48.0  #: animals at least so long in it, to see limbs
_FOUND_PX = 32.0  #: animals at least so long in it, to be found
_MOST_FRAME_PX = 4_000_000  #: of a whole frame: more hardly fits into a graphics card's memory
_BATCH_PX = 2_097_152  #: of a batch
_MOST_IN_BATCH = 8
_SIGMA_CELLS = (1.5, 2.5)  #: narrower bumps fall between cells, wider ones blur what is placed
_PAF_HALF_PX = (3.0, 8.0)  #: half the width of a drawn limb
_PAF_HALF_OF_SIGMA = 1.085  #: half maximum of a field, in roots of its sigma
_VISIBLE = 0.9  #: of the animals, for an anchor
_WIDER = 1.25  #: a crop about an anchor at most so many times as wide as one about the mean of the visible nodes


@dataclass
class _Draft:
    """The settings of one model as they are settled, one after the other.

    Attributes:
        model_type: of the recipe.
        measured: the labels.
        given: dotted place -> value of what the recipe settles itself.
        found: the proposals so far.
    """

    model_type: str
    measured: LabelStatistics
    given: Mapping[str, Any]
    found: list[Proposal] = field(default_factory=list)

    def settle(self, place: str, value: Any, reason: str) -> Any:
        """Return the recipe's own value, or propose one."""
        if place in self.given:
            return self.given[place]
        self.found.append(Proposal(place, value, reason))
        return value

    def head(self, key: str) -> str:
        return f"model_config.head_configs.{self.model_type}.{key}"

    @property
    def is_cropped(self) -> bool:
        return self.model_type in OF_CROPS

    @property
    def crop_size(self) -> int | None:
        """The side of the crops, where the recipe says it."""
        given: int | None = self.given.get(f"{PREPROCESSING}.crop_size") if self.is_cropped else None
        return given

    @property
    def strides(self) -> tuple[int, ...]:
        """The ``max_stride`` that the recipe says, or those to choose from: at least its largest output stride."""
        place = f"{UNET}.max_stride"
        if place in self.given:
            return (int(self.given[place]),)
        places = [self.head(f"{leaf}.output_stride") for leaf in ("confmaps", "pafs", "class_maps")]
        least = max((int(self.given[place]) for place in places if self.given.get(place) is not None), default=1)
        return tuple(stride for stride in _STRIDES if stride >= least) or (least,)

    def dividing(self, scale: float) -> tuple[int, ...]:
        """Return those of the strides that crops of the recipe's own size divide by; all where it says no size."""
        crop = self.crop_size
        return tuple(stride for stride in self.strides if crop is None or divides(crop, scale, stride))

    @property
    def has_limbs(self) -> bool:
        place = self.head("pafs.output_stride")
        is_without = place in self.given and self.given[place] is None  # the recipe says pafs: null
        return self.model_type in ("bottomup", "multi_class_bottomup") and not is_without


def propose_settings(
    model_type: str, measured: LabelStatistics, given: Mapping[str, Any] | None = None
) -> tuple[Proposal, ...]:
    """Return the proposed settings of a model, those that are given left out.

    Args:
        model_type: one of `PLANNED_TYPES`.
        measured: of the training labels.
        given: dotted place in a recipe -> value that stands.

    Raises:
        InputError: the given anchor is no node, or no network fits the given size of crops.
    """
    draft = _Draft(model_type, measured, given or {})
    anchor = _anchor(draft) if model_type in _ANCHORED else None
    scale = _centroid_scale(draft) if model_type == "centroid" else _scale(draft)
    max_stride = _max_stride(draft, scale)
    stride = _output_stride(draft, scale, max_stride)
    _sigma(draft, scale, stride)
    if draft.has_limbs:
        _pafs(draft, scale, stride, max_stride)
    if model_type == "multi_class_bottomup":
        _class_maps(draft, stride, max_stride)
    crop = _crop(draft, anchor, scale, max_stride) if draft.is_cropped else None
    _batch(draft, scale, crop)
    _augmentation(draft)
    return tuple(draft.found)


def _anchor(draft: _Draft) -> str | None:
    place = draft.head("confmaps.anchor_part")
    found: str | None = draft.settle(place, *_best_anchor(draft.measured))
    if found is not None and found not in draft.measured.nodes:
        remedy = nearest(found, draft.measured.nodes)
        raise InputProblems([Problem(f"recipe key {place}", f"there is no node {found!r}", remedy)])
    return found


def _best_anchor(measured: LabelStatistics) -> tuple[str | None, str]:
    """Return the most central of the nodes that are nearly always visible, if crops about it need not be much wider."""
    seen = [i for i, part in enumerate(measured.visibility) if part >= _VISIBLE]
    # a node at one side lies now left, now right of the middle
    seen = [i for i in seen if measured.nodes[i] not in measured.mirrored] or seen
    best = min(seen, key=lambda i: measured.centrality[i], default=None)
    if best is None:
        return None, f"No node is visible on {percent(_VISIBLE)} of the animals; the mean of the visible ones serves."
    node, part = measured.nodes[best], measured.visibility[best]
    own_px, mean_px = measured.extent_px[node], measured.extent_px[""]
    sizes = f"a square about it that holds the animals is {own_px:.3g} px wide, one about the mean of their visible "
    sizes += f"nodes {mean_px:.3g} px"
    if own_px > _WIDER * mean_px:
        return None, f"Of the nodes that are nearly always visible {node} is the most central, but {sizes}."
    why = f"The node {node} is visible on {percent(part)} of the animals, and of such nodes the most central; {sizes}."
    return node, why + ("" if part == 1.0 else " Where it is hidden, that mean serves.")


def _scale(draft: _Draft) -> float:
    """Return the smallest scale that keeps neighbouring nodes apart and animals large enough."""
    spacing, length, image = draft.measured.spacing_px.p10, draft.measured.length_px.p50, draft.measured.image
    if math.isnan(spacing):
        return _as_float(draft.settle(f"{PREPROCESSING}.scale", 1.0, "With one node there is no detail to measure."))
    fitting = [s for s in (1.0, 0.5, 0.25) if spacing * s >= _DETAIL_PX and length * s >= _SEEN_PX]
    smallest = min(fitting, default=1.0)
    scale = min((s for s in fitting if draft.dividing(s)), default=smallest)
    nearest = f"Nodes lie {spacing:.3g} px or more from the nearest other one (90 % of them), and animals are "
    nearest += f"{length:.3g} px long (median); "
    why = nearest + (
        "at half the size that detail would be lost."
        if scale == 1.0
        else f"at this scale that is {spacing * scale:.2g} px and {length * scale:.3g} px, enough to tell nodes apart, "
        f"with {scale**2:.3g} times the pixels to work on."
    )
    if scale > smallest:
        why = (
            f"{nearest}for them a scale of {smallest:g} would be enough, but there the recipe's crops of "
            f"{draft.crop_size} px do not divide by a max_stride of {_alternatives(draft.strides)}."
        )
    while not draft.is_cropped and image.height * image.width * scale**2 > _MOST_FRAME_PX:
        scale /= 2
        why = (
            f"{nearest}whole frames of {image.width} x {image.height} px do not fit at a larger scale, so detail is "
            "lost that crops would keep."
        )
    return _as_float(draft.settle(f"{PREPROCESSING}.scale", scale, why))


def _centroid_scale(draft: _Draft) -> float:
    length = draft.measured.length_px.p50
    scale = min((s for s in (1.0, 0.5, 0.25, 0.125) if length * s >= _FOUND_PX), default=1.0)
    why = f"Animals are {length:.3g} px long (median), and to be found they need about {_FOUND_PX:g} px" + (
        "; at half the size they would be shorter."
        if scale == 1.0
        else f"; at this scale they have {length * scale:.3g} px, at half of it {length * scale / 2:.3g} px."
    )
    return _as_float(draft.settle(f"{PREPROCESSING}.scale", scale, why))


def _max_stride(draft: _Draft, scale: float) -> int:
    """Return the smallest stride at which the network sees the whole animal at once, if crops divide by it."""
    place = f"{UNET}.max_stride"
    if place in draft.given:
        return int(draft.given[place])
    convs = int(draft.given.get(f"{UNET}.convs_per_block", UNet().convs_per_block))
    kernel = int(draft.given.get(f"{UNET}.kernel_size", UNet().kernel_size))
    length = draft.measured.length_px.p90 * scale
    strides, dividing = draft.strides, draft.dividing(scale)
    views = {stride: unet_receptive_field_px(stride, convs, kernel) for stride in strides}
    enough = next((stride for stride in strides if views[stride] >= length), strides[-1])
    if not dividing:
        raise InputProblems([_undivided(draft, scale, enough)])
    stride = min(enough, dividing[-1])  # where crops divide by a stride they divide by all smaller ones
    why = (
        f"Animals are up to {length:.3g} px long in the network's input (90 % of them), and at this stride a cell at "
        f"the bottom of the network sees {views[stride]} x {views[stride]} px"
    )
    if stride < enough:
        why += f", the largest that the recipe's crops of {draft.crop_size} px divide by: not all of the animal."
    elif views[stride] < length:
        why += ", the largest that is proposed: not all of the animal."
    elif stride > strides[0]:
        why += f"; at {stride // 2} it would see {views[stride // 2]} x {views[stride // 2]}."
    elif stride > _STRIDES[0]:
        why += ". It is the smallest that the recipe's own output strides allow."
    else:
        why += ". It is the smallest that is proposed."
    return int(draft.settle(place, stride, why))


def _undivided(draft: _Draft, scale: float, stride: int) -> Problem:
    """Say that no network fits the recipe's size of crops, and which sizes fit one that suits the animals."""
    crop = draft.crop_size or 0
    found = f"{crop} px at scale {scale:g} does not divide by a max_stride of {_alternatives(draft.strides)}"
    return Problem(
        f"recipe key {PREPROCESSING}.crop_size",
        f"{found}, and for these animals the plan would take {stride}",
        f"use {_alternatives(dividing_crops_px(crop, scale, stride))}",
    )


def _alternatives(numbers: Iterable[int]) -> str:
    *others, last = map(str, numbers)
    return f"{', '.join(others)} or {last}" if others else last


def _output_stride(draft: _Draft, scale: float, max_stride: int) -> int:
    if draft.model_type == "centroid":
        length = draft.measured.length_px.p50 * scale
        stride = max((s for s in (1, 2, 4) if s <= length / 16), default=1)
        why = f"A cell is a sixteenth or less of an animal, {length:.3g} px long in the network's input (median)."
    else:
        spacing = draft.measured.spacing_px.p10 * scale
        stride = 2 if math.isnan(spacing) else max((s for s in (1, 2, 4) if s <= spacing / 3), default=1)
        why = (
            "With one node there is nothing to be kept apart, and peaks are placed between cells."
            if math.isnan(spacing)
            else f"Neighbouring nodes lie {spacing:.2g} px or more apart in the network's input (90 % of them); a cell "
            f"of {stride} px resolves that, and peaks are placed between cells."
        )
    return int(draft.settle(draft.head("confmaps.output_stride"), min(stride, max_stride), why))


def _sigma(draft: _Draft, scale: float, stride: int) -> None:
    measured = draft.measured
    least, most = _SIGMA_CELLS
    bounds = f"bumps of {least:g} to {most:g} cells of {stride} px can be placed well"
    if draft.model_type == "centroid":
        apart = measured.neighbours.nearest_p05 * measured.length_px.p50 * scale if measured.neighbours else math.inf
        part, limit = "a quarter", apart / 4
        why = (
            "There is one animal at a time, so nothing limits it"
            if math.isinf(apart)
            else f"The middles of two animals lie {apart:.3g} px or more apart in the network's input (95 % of them)"
        )
    else:
        spacing = measured.spacing_px.p50 * scale
        part, limit = "half", spacing / 2
        why = (
            "With one node nothing limits it"
            if math.isnan(spacing)
            else f"A node lies {spacing:.3g} px from the nearest other one in the network's input (median)"
        )
    if math.isfinite(limit):
        why += f", {part} of which is {limit / stride:.2g} cells"
    cells = _within(limit / stride)
    draft.settle(
        draft.head("confmaps.sigma"), cells, f"{why}; {bounds}, and {cells:g} cells are {cells * stride:g} px."
    )


def _within(cells: float) -> float:
    least, most = _SIGMA_CELLS
    return most if math.isnan(cells) else max(least, min(most, math.floor(2 * min(cells, most)) / 2))


def _pafs(draft: _Draft, scale: float, stride: int, max_stride: int) -> None:
    coarse = int(
        draft.settle(
            draft.head("pafs.output_stride"),
            min(2 * stride, max_stride),
            "Limbs are longer than nodes are wide, so cells twice as large as those of the nodes are enough.",
        )
    )
    spacing = draft.measured.spacing_px.p50 * scale
    least, most = _PAF_HALF_PX
    half = least if math.isnan(spacing) else min(most, max(spacing / 3, least, coarse))
    draft.settle(
        draft.head("pafs.sigma"),
        round((half / _PAF_HALF_OF_SIGMA) ** 2, 1),
        f"Fields fall to half at {half:.2g} px from the limb: about a third of the {spacing:.3g} px between "
        f"neighbouring nodes in the network's input, at least one cell, between {least:g} and {most:g} px.",
    )


def _class_maps(draft: _Draft, stride: int, max_stride: int) -> None:
    coarse = min(2 * stride, max_stride)
    draft.settle(
        draft.head("class_maps.output_stride"),
        coarse,
        "Who an animal is shows all over it, so cells twice as large as those of the nodes are enough.",
    )
    draft.settle(
        draft.head("class_maps.sigma"),
        _SIGMA_CELLS[1] * stride / coarse,
        "Identities are read at the nodes: animals claim what their nodes' own maps cover, and no ground about it.",
    )


def _crop(draft: _Draft, anchor: str | None, scale: float, max_stride: int) -> int:
    if draft.crop_size is not None:
        return draft.crop_size
    preprocessing = Preprocessing()
    padding = draft.given.get(f"{PREPROCESSING}.crop_padding", preprocessing.crop_padding)
    least = draft.given.get(f"{PREPROCESSING}.min_crop_size", preprocessing.min_crop_size)
    extent = draft.measured.extent_px[anchor or ""]
    side = next(s for s in count(crop_px(extent, max_stride / scale, padding, least)) if divides(s, scale, max_stride))
    about = f"about {anchor}" if anchor else "about the mean of their visible nodes"
    why = (
        f"A square of {extent:.3g} px {about} holds all but the most outlying hundredth of the animals; with a margin, "
        f"at least {least or 0} px, and rounded up to what the network divides by ({max_stride / scale:g} px)."
    )
    draft.settle(f"{PREPROCESSING}.crop_size", side, why)  # null in a recipe: the same, measured by the training
    return side


def _batch(draft: _Draft, scale: float, crop: int | None) -> None:
    image = draft.measured.image
    pixels = (crop**2 if crop else image.height * image.width) * scale**2
    samples = draft.measured.n_animals if crop else draft.measured.frames
    fitting = min(_BATCH_PX / max(pixels, 1.0), _MOST_IN_BATCH, samples)
    size = 2 ** int(math.log2(max(fitting, 1.0)))
    what = (
        f"Crops are {crop * scale:.0f} x {crop * scale:.0f}"
        if crop
        else f"Frames are {image.width * scale:.0f} x {image.height * scale:.0f}"
    )
    why = (
        f"{what} px in the network's input, and there are {samples}; a batch is a power of two of at most "
        f"{_MOST_IN_BATCH} of them, and of at most {_BATCH_PX / 1e6:.1f} million pixels."
    )
    parts = int(draft.given.get(ACCUMULATE, 1))
    if size % parts:
        raised = f"{why} For the recipe's {ACCUMULATE} it is raised to a multiple of {parts}."
        draft.settle(TRAIN_BATCH, parts * math.ceil(size / parts), raised)
    else:
        draft.settle(TRAIN_BATCH, size, why)
    draft.settle(VAL_BATCH, size, why)


def _augmentation(draft: _Draft) -> None:
    for key, value, reason in propose_variation(draft.measured):
        draft.settle(f"{GEOMETRIC}.{key}", *_in_order(draft, key, value, reason))


def _in_order(draft: _Draft, key: str, value: float, reason: str) -> tuple[float, str]:
    """Return a value, the end of a range moved to the other one where the recipe has that beyond it."""
    name, _, end = key.rpartition("_")
    other = f"{name}_{'max' if end == 'min' else 'min'}"
    bound: float | None = draft.given.get(f"{GEOMETRIC}.{other}")
    if bound is None or (value <= bound if end == "min" else value >= bound):
        return value, reason
    return bound, f"{reason} By that it would be {value:g}, but the recipe's own {other} is {bound:g}."


def _as_float(value: Any) -> float:
    return float(value)
