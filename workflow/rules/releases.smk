# Trained models, or a bundle from elsewhere -> the release that predicts videos.


rule make_release:
    input:
        models=lambda w: release_models(w, "model.json"),
        checkpoints=lambda w: ancient(release_models(w, "best.ckpt")),
        thresholds=release_thresholds,
    output:
        release="results/{dataset}/releases/{release}/release.json",
    log:
        "logs/make_release/{dataset}/{release}.log",
    benchmark:
        "benchmarks/make_release/{dataset}/{release}.tsv"
    # A frozen release that exists has no rule: it is a plain file, and nothing upstream of it is asked for.
    wildcard_constraints:
        release=releases_to_make(),
    conda:
        "../../envs/posewright.yaml"
    threads: 2
    resources:
        **SITE.of("make_release", mem_mb=growing(8000, 64000), runtime=60),
    params:
        version=STAGE_VERSION["make_release"],
        definition=lambda w: PLAN.releases.definition_json(w.release),
        settings=PLAN.releases.settings(),
        models=lambda w, input: release_folders(w, input.models),
        thresholds=lambda w, input: threshold_words(input),
        checkpoints=lambda w: PLAN.methods.checkpoint_words(PLAN.releases.definition(w.release).get("method")),
        # For the model card, as far as they are there. As inputs they would remake a release whenever scores change;
        # ancient, they would hide a change of its own settings behind their job.
        evaluations=untracked(lambda w: release_scores(w, "val") + release_scores(w, "test")),
        bundle=untracked(lambda w: PLAN.releases.bundle_words(w.release)),
        ledger=untracked(lambda w: f"results/{w.dataset}/releases/ledger.tsv"),
        gpu=untracked(lambda w: SITE.gpu),
    shell:
        'python "$POSEWRIGHT/scripts/make_release.py" --name {wildcards.release:q} --definition {params.definition:q}'
        " --models {params.models:q} --ledger {params.ledger:q} --settings {params.settings:q}"
        " {params.thresholds:q} {params.checkpoints:q} {params.bundle:q} --evaluations {params.evaluations:q}"
        " --gpu {params.gpu} --out {output.release:q} > {log:q} 2>&1"
