# Predicted videos -> frames worth labelling next. Only on request (target `suggest`), and nothing reads it.


rule suggest_frames:
    # The .slp that a person corrects is no output: Snakemake would delete it before it makes new suggestions.
    input:
        poses=lambda w: published_of(w.dataset, ["poses.parquet", "frames.parquet", "status.json"]),
        split=lambda w: split_files(w.dataset),
    output:
        suggestions="results/{dataset}/suggestions/suggestions.json",
    log:
        "logs/suggest_frames/{dataset}.log",
    benchmark:
        "benchmarks/suggest_frames/{dataset}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        **SITE.of("suggest_frames", mem_mb=growing(4000, 64000), runtime=240),
    params:
        identity=lambda w: PLAN.predicted.suggest_identity(w.dataset),
        sheet=untracked(lambda w: PLAN.predicted.sheet_words(w.dataset)),
        releases=lambda w: [f"results/{w.dataset}/videos/{release}" for release in PLAN.releases.predicting(w.dataset)],
        settings=PLAN.predicted.suggest_settings(),
        dataset=untracked(lambda w: PLAN.labels.dataset_json(w.dataset)),
        split=PLAN.labels.split_json(),
        groups=untracked(lambda w: ["--groups", groups_file(w.dataset)] if w.dataset in PLAN.labels.labelled else []),
        store=untracked(store_of),
        is_labelled=untracked(lambda w: w.dataset in PLAN.labels.labelled),
        looks=untracked(lambda w: ["--store", store_of(w)] if w.dataset in PLAN.labels.labelled else []),
    shell:
        ": > {log:q}; if [ {params.is_labelled} = True ]; then"
        ' python "$POSEWRIGHT/scripts/store_frames.py" --if-missing --dataset {params.dataset:q} --out {params.store:q}'
        " > {log:q} 2>&1; fi; "
        'python "$POSEWRIGHT/scripts/suggest_frames.py" --releases {params.releases:q} {params.sheet:q}'
        " --settings {params.settings:q} --dataset {params.dataset:q} --split {params.split:q}"
        " {params.groups:q} {params.looks:q} --out {output.suggestions:q} >> {log:q} 2>&1"
