"""Recipes and methods of a project: what determines weights, scores and the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from posewright.config.methods import MethodConfig
from posewright.config.project import ProjectConfig
from posewright.config.recipe import Recipe
from posewright.config.stages import STAGE_VERSION
from posewright.evaluation.question import question_digest
from posewright.files import canonical_json
from posewright.first_weights import first_weights_identity
from posewright.layout import release_file
from posewright.plan.parts import decoding, dump, existing


@dataclass(frozen=True)
class MethodPlan:
    """What is trained, and what is compared.

    Attributes:
        project: the resolved config.
        recipe_of: name -> resolved recipe, of every recipe that a method uses.
    """

    project: ProjectConfig
    recipe_of: Mapping[str, Recipe]

    @cached_property
    def first_weights(self) -> dict[str, list[dict[str, str]]]:
        """Recipe -> parts and digest of each model that it starts from."""
        return {name: first_weights_identity(recipe) for name, recipe in self.recipe_of.items()}

    def recipe_identity(self, recipe: str) -> str:
        """Return what determines the weights of a recipe, apart from split and seed."""
        begins = self.first_weights[recipe]
        return canonical_json(
            {
                "recipe": self.recipe_of[recipe].science(),
                "version": STAGE_VERSION["train_model"],
                **({"first_weights": begins} if begins else {}),
            }
        )

    def recipe_json(self, recipe: str) -> str:
        """Return the whole resolved recipe, with workers and devices."""
        return canonical_json(self.recipe_of[recipe].to_json())

    def plan_words(self, recipe: str, plan: str) -> list[str]:
        """Return the words that give a training the plan; none for a recipe without ``auto``, which must not see it."""
        return ["--plan", plan] if self.recipe_of[recipe].auto else []

    def recipes(self, method: str) -> list[str]:
        """Return the recipes that a method trains; none when it comes with models."""
        return list(self.project.methods[method].recipes or ())

    @property
    def chooses(self) -> bool:
        """Whether weights are chosen by what whole methods find (rule 5), and not by each network's loss."""
        return self.project.compare.checkpoints == "primary"

    @property
    def decided_by_sigmas(self) -> bool:
        """Whether the measure that decides between methods depends on the sigmas of OKS: it, or a kind of error."""
        return self.project.compare.primary == "oks" or self.project.compare.primary.endswith("_share")

    def place(self, method: str, *, refit: bool = False) -> str:
        """Return where the models lie that a method uses: as trained, or with weights chosen for this method."""
        if self.chooses:
            return f"{'refits' if refit else 'chosen'}/{method}"
        return "refits" if refit else "models"

    def partner_places(self, method: str, recipe: str) -> list[tuple[str, str]]:
        """Return (recipe, place) of the models that run beside one whose weights are chosen.

        Those of earlier recipes are chosen already, those of later ones are as trained.
        """
        recipes = self.recipes(method)
        turn = recipes.index(recipe)
        chosen = [(one, f"chosen/{method}") for one in recipes[:turn]]
        return chosen + [(one, "models") for one in recipes[turn + 1 :]]

    def choice_identity(self) -> str:
        """Return what determines a choice of weights, apart from models, split and labels."""
        version = STAGE_VERSION["choose_checkpoint"]
        return canonical_json({"primary": self.project.compare.primary, "version": version})

    def reading_options(self) -> str:
        """Return how the maps of candidates are read."""
        return canonical_json(self._reading())

    def types(self) -> str:
        """Return method -> type as JSON."""
        return canonical_json({name: method.type for name, method in self.project.methods.items()})

    def folders(self, method: str) -> list[str]:
        """Return the model folders that a method comes with; none when it is trained here."""
        return [str(model.path) for model in self.project.methods[method].models or ()]

    def predictions(self, method: str) -> list[str]:
        """Return the prediction files that a method consists of; none for one with models."""
        files = self.project.methods[method].predictions or ()
        return [str(existing(Path(file), f"methods.{method}.predictions")) for file in files]

    def source_words(self, method: str, models: list[str]) -> list[str]:
        """Return the words that say what a method's poses come from: its models or release, or files."""
        files = self.predictions(method)
        return ["--predictions", *files] if files else ["--models", *(models or self.folders(method))]

    def tunes_thresholds(self, method: str) -> bool:
        """Whether a method's thresholds are chosen on validation frames: those of files were chosen elsewhere."""
        return self.tunes and self.project.methods[method].predictions is None

    def release_files(self, dataset: str, method: str) -> list[str]:
        """Return the file of the release that a method is; none when it is no release."""
        release = self.project.methods[method].release
        return [release_file(dataset, release)] if release else []

    def checkpoint_words(self, method: str | None) -> list[str]:
        """Return the words that have models from elsewhere compared with their digests; none where none are given."""
        models = (self.project.methods[method].models if method else None) or ()
        digests = {model.path: model.sha256 for model in models if model.sha256}
        return ["--checkpoints", canonical_json(digests)] if digests else []

    def seeds_of(self, method: str) -> list[int]:
        """Return the seeds to score a method at: models that are not trained here have no seed, so the first stands."""
        return list(self.project.seeds) if self.recipes(method) else list(self.project.seeds)[:1]

    def folds(self) -> range:
        """Return the folds of the split."""
        return range(self.project.split.folds)

    def evaluation_identity(self, method: str) -> str:
        """Return what determines a method's scores, apart from models, split and labels."""
        version = STAGE_VERSION["evaluate_method"]
        later = ("release", "predictions")  # keys that came later: methods without them are as they were
        method_json = dump(self.project.methods[method])
        declared = {key: value for key, value in method_json.items() if key not in later or value}
        return canonical_json({"method": declared, "version": version})

    def evaluation_options(self, method: str) -> str:
        """Return how a method's predictions are read for scoring, and what is declared of it."""
        declared = self.project.methods[method]
        return canonical_json(
            {
                "trials": declared.trials,
                "trained_on": None if declared.trained_on is None else list(declared.trained_on),
                **self._reading(),
            }
        )

    def _reading(self) -> dict[str, Any]:
        """Return how maps are read on labelled frames."""
        compare, predict = self.project.compare, self.project.predict
        return {"backend": predict.backend, "tuning": dump(compare.declared_tuning), **decoding(self.project)}

    @property
    def tunes(self) -> bool:
        """Whether thresholds are chosen on validation frames."""
        return self.project.predict.peak_threshold == "auto"

    def question(self, repeated: Sequence[str] = ()) -> str:
        """Return the digest of what the comparison asks (rule 11).

        Args:
            repeated: digests of the files in which the data set's frames were labelled once more.
        """
        return question_digest({**dump(self.project.compare), **self._sigmas(repeated)}, list(self.project.methods))

    def comparison_settings(self, repeated: Sequence[str] = ()) -> str:
        """Return the comparison's declared questions and what each method is made of; the argument is `question`'s."""
        methods = {name: _family(method) for name, method in self.project.methods.items()}
        told = dump(self.project.compare).items()
        compare = {key: value for key, value in told if key not in ("tuning", "checkpoints")}  # metrics tell of these
        return canonical_json({**compare, **self._sigmas(repeated), "methods": methods})

    def _sigmas(self, repeated: Sequence[str]) -> dict[str, Any]:
        """Return what the sigmas of OKS are measured on, where the measure that decides depends on them."""
        return {"sigmas": list(repeated)} if repeated and self.decided_by_sigmas else {}


def _family(method: MethodConfig) -> dict[str, Any]:
    return {"type": method.type, "recipes": list(method.recipes or ())}
