"""Whether the individuals to tell apart are labelled where a recipe learns, fold by fold, and where it is judged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from posewright.config.labels import SplitConfig
from posewright.config.project import ProjectConfig
from posewright.config.recipe import Recipe
from posewright.errors import InputError, nearest
from posewright.findings import Findings
from posewright.labels.identities import identities_fault
from posewright.labels.model import LabelSet
from posewright.labels.nested import part_of
from posewright.labels.split import Split

_SIDES = {"val": "validation side", "test": "test side"}


def check_identities(
    project: ProjectConfig,
    recipes: Mapping[str, Recipe],
    labels: LabelSet,
    splits: Sequence[Split],
    findings: Findings,
) -> dict[str, list[str]]:
    """Check the classes of every recipe that has some, and return sentences on what is no fault and may surprise.

    Args:
        project: the config.
        recipes: name -> recipe.
        labels: all labels of the dataset.
        splits: those of all folds; none where the labels could not be divided.
        findings: where faults are kept.
    """
    notes = {}
    for name, recipe in recipes.items():
        key = recipe.model_type
        leaf = {"multi_class_bottomup": "class_maps", "multi_class_topdown": "class_vectors"}.get(key)
        if leaf is None:
            continue
        listed = getattr(getattr(recipe.network.head_configs, key), leaf).classes
        where = f"recipe {name} ({project.recipes[name]}) key model_config.head_configs.{key}.{leaf}.classes"
        if not _list_is_faulty(where, listed, labels.track_names, findings):
            notes[name] = _check_folds(where, listed, project, splits, findings)
    return notes


@dataclass
class _Told:
    """What is to be told, each once, with the folds of which it is true."""

    n_folds: int
    folds: dict[tuple[str, ...], list[int]] = field(default_factory=dict)

    def add(self, fold: int, *clauses: str) -> None:
        self.folds.setdefault(clauses, []).append(fold)

    def each(self) -> list[tuple[str, ...]]:
        """Return the clauses, the first of them with its folds before it unless it is true of all."""
        return [(f"{self._before(folds)}{first}", *more) for (first, *more), folds in self.folds.items()]

    def _before(self, folds: list[int]) -> str:
        if len(folds) == self.n_folds:
            return ""
        return f"fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))}: "


def _list_is_faulty(where: str, listed: tuple[str, ...] | None, tracks: Collection[str], findings: Findings) -> bool:
    """Tell what is wrong with the classes whatever the split."""
    strange = [name for name in listed or () if name not in tracks]
    if strange:
        found = f"no labelled animal has the track {', '.join(map(repr, strange))}"
        known = nearest(strange[0], tracks) if tracks else "there are no tracks"
        findings.add(where, found, f"correct the list, or set null to learn all tracks; {known}")
        return True
    fault = identities_fault(listed, tracks)
    if fault is not None:
        findings.add(where, *fault)
    return fault is not None


def _check_folds(
    where: str, listed: tuple[str, ...] | None, project: ProjectConfig, splits: Sequence[Split], findings: Findings
) -> list[str]:
    """Compare the classes with the sides of every fold; return notes."""
    faults, notes = _Told(project.split.folds), _Told(project.split.folds)
    everywhere = {name for split in splits for name in split.train.track_names}
    for split in splits:
        fold, here = split.settings["fold"], split.train.track_names
        fault = identities_fault(listed, here)
        if fault is not None:
            faults.add(fold, fault[0], _remedy(listed, project.split))
            continue
        absent = sorted(everywhere - set(here)) if listed is None else []
        if absent:
            notes.add(
                fold,
                f"nobody on the training side has the track {', '.join(absent)}, which other folds learn; the models "
                "of this fold give such an animal another's name or none. A list of `classes` makes that an error.",
            )
        learnt = here if listed is None else listed
        for side, words in _SIDES.items():
            shown = getattr(split, side).track_names
            strangers = [name for name in shown if name not in learnt and name not in absent]
            if side == "test" and shown and not set(shown) & set(learnt):
                faults.add(
                    fold,
                    f"none of the names on the test side ({', '.join(shown)}) is learnt ({', '.join(learnt)}), so "
                    "whether animals are told apart cannot be measured",
                    "name the same individuals alike in all recordings, set split.by to block or video so that each "
                    "is on every side, or use a type without classes",
                )
            elif strangers:
                notes.add(
                    fold,
                    f"of the {len(shown)} names on the {words}, {len(strangers)} "
                    f"{'is' if len(strangers) == 1 else 'are'} not learnt: {', '.join(strangers)}. Such an animal is "
                    "given another's name or none, and does not count in the identity accuracy.",
                )
    for found, remedy in faults.each():
        findings.add(where, found, remedy)
    return [note for (note,) in notes.each()] + _notes_of_parts(listed, project, splits)


def _notes_of_parts(listed: tuple[str, ...] | None, project: ProjectConfig, splits: Sequence[Split]) -> list[str]:
    """Say which parts of the learning curve, that are made of the first fold, lack an individual."""
    whole = next((split for split in splits if split.settings["fold"] == 0), None)
    if whole is None or identities_fault(listed, whole.train.track_names) is not None:
        return []
    wanted, notes = listed or whole.train.track_names, []
    for percent in project.learning_curve.percent:
        try:
            chosen = part_of({"seed": whole.settings["seed"], "units": whole.units}, percent)
        except InputError:  # one group has no parts, as the learning curve says where it is asked for
            return []
        part = whole.train.only([(video, frame) for video, frame, group, _ in whole.units if group in chosen])
        absent = [name for name in wanted if name not in part.track_names]
        if absent:
            fails = identities_fault(listed, part.track_names) is not None
            then = "its trainings end with an error" if fails else "its models know fewer names than the others"
            notes.append(
                f"`posewright run learning_curve`: nobody in the part of {percent} % has the track "
                f"{', '.join(absent)}, so {then}; raise learning_curve.percent."
            )
    return notes


def _remedy(listed: tuple[str, ...] | None, split: SplitConfig) -> str:
    """Say how each fold comes to learn all individuals, or does without."""
    more = {
        "block": "label such individuals in more stretches of the videos",
        "file": "give the side train to a video with them in split.file",
    }.get(split.by, "label such individuals in more recordings")
    finer = "" if split.by in ("block", "file") else ", divide within videos (split.by: block)"
    fewer = ", use fewer folds (split.folds)" if split.folds > 1 else ""
    without = "use a type without classes" if listed is None else "leave them out of the list"
    return f"{more}{finer}{fewer}, or {without}"
