# The project as it stands, and the words that rules share. No rule here, no function in the files with rules.

import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from posewright.avoided import avoided
from posewright.config.stages import STAGE_VERSION
from posewright.discretion import PRIVATE_VARIABLE
from posewright.errors import InputError
from posewright.files import canonical_json
from posewright.layout import curve_file, groups_file, plan_file, release_file, repeats_file, speed_file
from posewright.plan import Plan
from posewright.prediction.edited import edited
from posewright.records import write_table
from posewright.runs import begin_run, leftover_hint
from posewright.site import Site, growing
from posewright.status import failed_fraction, read_status, summary
from posewright.summary import notify, write_summary


def stated(call, *words):
    """Call into the library; a fault of the inputs ends the run with its own sentence, not with a traceback."""
    try:
        return call(*words)
    except InputError as error:
        raise WorkflowError(str(error)) from None


PLAN = stated(Plan.load, config)
if PLAN.project.provenance.private:
    os.environ[PRIVATE_VARIABLE] = "1"  # for the scripts; a param would make everything run again
SITE = stated(Site.load, Path("config/site.yaml"))
WORK = PLAN.project.work_dir
STATUS = "results/status.tsv"
SUMMARY = "results/summary.json"
RECORDS = "results/provenance.tsv"
SIDE_OF_PAGE = {"index": "val", "final": "test"}

# Scripts are found from any working directory, and run by the Python that runs the workflow, activated or not. Under
# --software-deployment-method conda each rule brings its own Python, and the package is taken from the checkout.
CHECKOUT = Path(workflow.basedir).parent
DEPLOYED = bool(workflow.deployment_settings.deployment_method)
FOUND = (
    f"PYTHONPATH={shlex.quote(str(CHECKOUT / 'src'))}"
    if DEPLOYED
    else f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"
)
shell.prefix(f"export POSEWRIGHT={shlex.quote(str(CHECKOUT))} {FOUND}; ")


if workflow.is_main_process and leftover_hint(Path()):
    logger.warning(leftover_hint(Path()))


wildcard_constraints:
    dataset="|".join(map(re.escape, PLAN.project.datasets)),
    recipe="[^/]+",
    method="[^/]+",
    release="[^/]+",
    video="[^/]+",
    fold=r"\d+(_part\d+)?",
    seed=r"\d+",
    side="val|test",
    batch=r"[01]+|all|cut-[^/]+|chunk\d+of\d+-[^/]+",


def untracked(function):
    """Return a param that is passed on but never compared: Snakemake compares none that is derived from resources."""
    return lambda wildcards, resources: function(wildcards)


def repeats(dataset):
    """Return the file of how exact the labels are, where frames were labelled once more."""
    return [repeats_file(dataset)] if PLAN.labels.repeated(dataset) else []


def repeats_words(input):
    """Return the words that name it to a script; none where it is no input."""
    return ["--repeats", str(input.repeats)] if input.repeats else []


def threshold_words(input):
    """Return the words that name tuned thresholds to a script; none where they are no input."""
    return ["--thresholds", str(input.thresholds)] if input.thresholds else []


def store_of(wildcards):
    """Return the index of the decoded frames, beside which their pixels lie."""
    return f"{WORK}/store/{wildcards.dataset}/store.json"


def model_files(dataset, recipes, fold, seed, file, place="models"):
    return [f"results/{dataset}/{place}/{recipe}/fold{fold}_seed{seed}/{file}" for recipe in recipes]


def method_models(wildcards, file):
    """Return one file of every model that a method trains, with the weights that it uses."""
    recipes, place = PLAN.methods.recipes(wildcards.method), PLAN.methods.place(wildcards.method)
    return model_files(wildcards.dataset, recipes, wildcards.fold, wildcards.seed, file, place)


def partner_models(wildcards, file):
    """Return one file of every model that runs beside the one whose weights are chosen."""
    places = PLAN.methods.partner_places(wildcards.method, wildcards.recipe)
    return [
        path
        for recipe, place in places
        for path in model_files(wildcards.dataset, [recipe], wildcards.fold, wildcards.seed, file, place)
    ]


def evaluated_model(wildcards, file):
    """Return one file of the model that a refit repeats: of a recipe, or of a method and a recipe where it was chosen."""
    place = "chosen" if PLAN.methods.chooses else "models"
    return model_files(wildcards.dataset, [wildcards.recipe], wildcards.fold, wildcards.seed, file, place)


def release_models(wildcards, file):
    """Return one file of every model that goes into a release; none when it is made from a bundle."""
    made_of = PLAN.releases.definition(wildcards.release)
    method = made_of.get("method")
    if method is None:
        return []
    recipes, place = PLAN.methods.recipes(method), PLAN.methods.place(method, refit=made_of.get("refit", False))
    return model_files(wildcards.dataset, recipes, made_of["fold"], made_of["seed"], file, place)


def thresholds(dataset, method, fold, seed):
    """Return the file of a method's thresholds, where they are tuned and not set by the config."""
    return (
        [f"results/{dataset}/evaluation/{method}/fold{fold}_seed{seed}/val/thresholds.json"]
        if PLAN.methods.tunes_thresholds(method)
        else []
    )


def release_thresholds(wildcards):
    """Return the thresholds that go into a release; none when it is made from a bundle, or where there are no labels."""
    made_of = PLAN.releases.definition(wildcards.release)
    if "method" not in made_of or wildcards.dataset not in PLAN.labels.labelled:
        return []
    return thresholds(wildcards.dataset, made_of["method"], made_of["fold"], made_of["seed"])


def release_folders(wildcards, models):
    """Return the model folders that go into a release: trained here, or those that the method comes with."""
    method = PLAN.releases.definition(wildcards.release).get("method")
    return folders(models) or (PLAN.methods.folders(method) if method else [])


def release_scores(wildcards, side):
    """Return the metrics of a release's own models on one side of the split; none where there are no labels."""
    made_of = PLAN.releases.definition(wildcards.release)
    if "method" not in made_of or wildcards.dataset not in PLAN.labels.labelled:
        return []
    run = f"fold{made_of['fold']}_seed{made_of['seed']}"
    return [f"results/{wildcards.dataset}/evaluation/{made_of['method']}/{run}/{side}/metrics.json"]


def batch_file(dataset, release, batch):
    """Return the manifest of a batch of videos."""
    return f"{WORK}/predict/batches/{dataset}/{release}/{batch}.json"


def folders(files):
    return [str(Path(file).parent) for file in files]


def releases_to_make():
    """Return a pattern of the releases that have a rule, each only below the dataset that lacks it."""
    places = {dataset: stated(PLAN.releases.to_make, dataset) for dataset in PLAN.project.datasets}
    named = [
        f"(?<=/{re.escape(dataset)}/releases/){re.escape(name)}" for dataset, names in places.items() for name in names
    ]
    return "|".join(named) or "(?!)"


def evaluations(side, dataset=None):
    """Return the metrics of every method, fold and seed on one side of the split."""
    return [
        f"results/{name}/evaluation/{method}/fold{fold}_seed{seed}/{side}/metrics.json"
        for name in ([dataset] if dataset else PLAN.labels.labelled)
        for method in PLAN.project.methods
        for fold in PLAN.methods.folds()
        for seed in PLAN.methods.seeds_of(method)
    ]


def first_runs(dataset):
    """Return the metrics of the first run of every method whose speed can be measured."""
    return [
        f"results/{dataset}/evaluation/{method}/fold0_seed{PLAN.project.seeds[0]}/val/metrics.json"
        for method in PLAN.releases.timed()
    ]


def curve_evaluations(dataset):
    """Return the validation metrics of every method on parts of the training side, and on all of it."""
    return [
        f"results/{dataset}/evaluation/{method}/fold{fold}_seed{seed}/val/metrics.json"
        for method in PLAN.optional.curve_methods()
        for fold in PLAN.optional.curve_folds()
        for seed in PLAN.optional.curve_seeds()
    ]


def whole_model(wildcards):
    """Return the model whose epochs a training on a part has; none for a training on all of the training side."""
    fold, is_part, _ = wildcards.fold.partition("_part")
    return model_files(wildcards.dataset, [wildcards.recipe], fold, wildcards.seed, "model.json") if is_part else []


def plans():
    """Return what the labels suggest, of every dataset that has labels."""
    return [plan_file(dataset, fold) for dataset in PLAN.labels.labelled for fold in PLAN.methods.folds()]


def compared():
    """Return the datasets on which methods are compared."""
    return PLAN.labels.labelled if PLAN.project.methods else []


def published(files):
    """Return the given files of every video that is asked of a release."""
    return [file for dataset in PLAN.project.datasets for file in published_of(dataset, files)]


def published_of(dataset, files):
    """Return the given files of every video of one dataset, release by release."""
    return [
        f"results/{dataset}/videos/{release}/{video}/{file}"
        for release in stated(PLAN.releases.predicting, dataset)
        for video in PLAN.videos.ids(dataset)
        for file in files
    ]


def publication():
    """Return what publishing a video writes.

    Snakemake leaves poses and status in place until they are written again, as people save into these poses.
    """
    place = "results/{dataset}/videos/{release}/{video}"
    paths = {file: f"{place}/{file}" for file in PLAN.videos.files()}
    return [update(path) if file in ("poses.slp", "status.json") else path for file, path in paths.items()]


def behaviours(dataset=None):
    """Return the comparison of behaviour of every dataset, or of one, whose videos two or more releases predict."""
    names = stated(PLAN.predicted.compared)
    return [f"results/{name}/behaviour/summary.json" for name in names if dataset in (None, name)]


def split_files(dataset):
    """Return the first fold's split of a dataset that has labels: what stands before anything is suggested."""
    return [f"results/{dataset}/split/fold0/split.json"] if dataset in PLAN.labels.labelled else []


def judged(dataset):
    """Return the releases whose videos are judged: those of which poses and frames are kept."""
    kept = {"poses.parquet", "frames.parquet"} <= set(PLAN.videos.files())
    return stated(PLAN.releases.predicting, dataset) if kept else []


def qualities(datasets):
    """Return the tables of the quality of every video."""
    return [f"results/{dataset}/quality/{name}/videos.parquet" for dataset in datasets for name in judged(dataset)]


def report_figures():
    """Return the figures of a page as files that Snakemake's own report shows, with a toggle by method."""
    titles = {"pck": "found within a distance", "coverage": "error against coverage", "body_parts": "by body part"}
    place = "results/{dataset}/report/figures/{page}"

    def shown(folder, figure, title, subcategory, **labels):
        return report(
            f"{place}/{folder}/{figure}.svg",
            caption=f"../report/{figure}.rst",
            category="{dataset}",
            subcategory=subcategory,
            labels={"figure": title, **labels},
        )

    each = [
        shown(method, figure, title, "Each method ({page}.html)", method=method)
        for method in sorted(PLAN.project.methods)
        for figure, title in titles.items()
    ]
    everything = {**titles, "differences": "differences by unit"}
    return each + [shown("_all", figure, title, "All methods ({page}.html)") for figure, title in everything.items()]


def stop_on_too_many_failures():
    """Print what became of the videos; end with a fault when more failed than the config allows."""
    rows = read_status(Path(STATUS)) if Path(STATUS).exists() else []
    if not rows:
        return
    logger.info(f"Videos: {summary(rows)}")
    allowed = PLAN.project.predict.max_failed_fraction
    if failed_fraction(rows) > allowed:
        raise WorkflowError(
            f"Everything was made, but more videos failed than predict.max_failed_fraction ({allowed:g}) allows; see {STATUS}."
        )


def start_run(log):
    """Record that this process drives a run, so that another can go on should it die; name what people edited."""
    global RUN
    RUN = begin_run(log)
    for folder in stated(edited, [Path(status).parent for status in published(["status.json"])]):
        logger.warning(
            f"Somebody saved into {folder}/poses.slp: where this run publishes the video again, that becomes poses.edited.slp."
        )


def end_run(is_finished):
    """Forget the run, leave one file that says how it ended, and one table of where everything comes from."""
    RUN.end(Path())
    for node, why in avoided().items():
        logger.warning(f"From some time on no job with a GPU was sent to {node}: {why}")
    write_summary(Path(SUMMARY), RUN, Path(STATUS), is_finished=is_finished)
    write_table(Path("results"), PLAN.project.datasets, Path(RECORDS))
    fault = notify(SITE.notify, Path(SUMMARY))
    if fault:
        logger.warning(fault)
