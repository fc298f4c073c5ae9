# Methods against the held-back labels, and against each other.


rule evaluate_method:
    input:
        models=lambda w: method_models(w, "model.json"),
        checkpoints=lambda w: ancient(method_models(w, "best.ckpt")),
        predictions=lambda w: PLAN.methods.predictions(w.method),
        split="results/{dataset}/split/fold{fold}/split.json",
        labels=lambda w: ancient(f"results/{w.dataset}/split/fold{w.fold}/{w.side}.slp"),
        store="results/{dataset}/store.json",
        # Thresholds are tuned on validation frames, and used unchanged on test frames.
        thresholds=lambda w: thresholds(w.dataset, w.method, w.fold, w.seed) if w.side == "test" else [],
        release=lambda w: PLAN.methods.release_files(w.dataset, w.method),
        repeats=lambda w: repeats(w.dataset),
    output:
        metrics="results/{dataset}/evaluation/{method}/fold{fold}_seed{seed}/{side}/metrics.json",
        others=multiext(
            "results/{dataset}/evaluation/{method}/fold{fold}_seed{seed}/{side}/",
            "predictions.slp",
            "instances.parquet",
            "keypoints.parquet",
            "curve.parquet",
            "thresholds.json",
        ),
    log:
        "logs/evaluate_method/{dataset}/{method}/fold{fold}_seed{seed}/{side}.log",
    benchmark:
        "benchmarks/evaluate_method/{dataset}/{method}/fold{fold}_seed{seed}/{side}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 4
    resources:
        **SITE.of("evaluate_method", gpu=SITE.gpu, mem_mb=growing(8000, 64000), runtime=120),
    params:
        store=untracked(store_of),
        labels=untracked(lambda w: PLAN.labels.dataset_json(w.dataset)),
        identity=lambda w: PLAN.methods.evaluation_identity(w.method),
        dataset=lambda w: PLAN.labels.judged_json(w.dataset),
        options=lambda w: PLAN.methods.evaluation_options(w.method),
        files=untracked(lambda w: PLAN.labels.files(w.dataset)),
        thresholds=lambda w, input: threshold_words(input),
        repeats=lambda w, input: repeats_words(input),
        poses=lambda w, input: PLAN.methods.source_words(w.method, folders(input.models) or list(input.release)),
        checkpoints=lambda w: PLAN.methods.checkpoint_words(w.method),
        split=subpath(input.split, parent=True),
        ledger=untracked(lambda w: f"results/{w.dataset}/evaluation/ledger.tsv"),
        question=untracked(lambda w: PLAN.methods.question(PLAN.labels.repeated_digests[w.dataset])),
        out=subpath(output.metrics, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/store_frames.py" --if-missing --dataset {params.labels:q} --out {params.store:q}'
        " > {log:q} 2>&1; "
        'python "$POSEWRIGHT/scripts/evaluate_method.py" --method {wildcards.method:q} {params.poses:q}'
        " {params.checkpoints:q}"
        " --split {params.split:q} --side {wildcards.side} --store {params.store:q} --dataset {params.dataset:q}"
        " --labels {params.files:q} --options {params.options:q} {params.thresholds:q} {params.repeats:q}"
        " --ledger {params.ledger:q} --question {params.question:q} --out {params.out:q} >> {log:q} 2>&1"


rule compare_methods:
    input:
        metrics=lambda w: evaluations(w.side, w.dataset),
    output:
        summary="results/{dataset}/comparison/{side}/summary.json",
        tables=multiext("results/{dataset}/comparison/{side}/", "methods.parquet", "pairs.parquet"),
    log:
        "logs/compare_methods/{dataset}/{side}.log",
    benchmark:
        "benchmarks/compare_methods/{dataset}/{side}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        **SITE.of("compare_methods", mem_mb=growing(4000, 64000), runtime=60),
    params:
        version=STAGE_VERSION["compare_methods"],
        settings=lambda w: PLAN.methods.comparison_settings(PLAN.labels.repeated_digests[w.dataset]),
        evaluations=lambda w, input: folders(input.metrics),
        ledger=untracked(lambda w: f"results/{w.dataset}/evaluation/ledger.tsv"),
        out=subpath(output.summary, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/compare_methods.py" --evaluations {params.evaluations:q}'
        " --settings {params.settings:q} --ledger {params.ledger:q} --out {params.out:q} > {log:q} 2>&1"
