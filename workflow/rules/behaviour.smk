# Videos that two or more releases predicted -> measures of behaviour under each, and their agreement.


rule compare_behaviour:
    input:
        poses=lambda w: published_of(w.dataset, ["poses.parquet", "frames.parquet", "status.json"]),
    output:
        summary="results/{dataset}/behaviour/summary.json",
        tables=multiext("results/{dataset}/behaviour/", "videos.parquet", "agreement.parquet", "pairs.parquet"),
    log:
        "logs/compare_behaviour/{dataset}.log",
    benchmark:
        "benchmarks/compare_behaviour/{dataset}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        **SITE.of("compare_behaviour", mem_mb=growing(4000, 64000), runtime=240),
    params:
        identity=lambda w: PLAN.predicted.behaviour_identity(w.dataset),
        sheet=untracked(lambda w: PLAN.predicted.sheet_words(w.dataset)),
        releases=lambda w: [f"results/{w.dataset}/videos/{release}" for release in PLAN.releases.predicting(w.dataset)],
        settings=PLAN.predicted.behaviour_settings(),
        out=subpath(output.summary, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/compare_behaviour.py" --releases {params.releases:q} {params.sheet:q}'
        " --settings {params.settings:q} --out {params.out:q} > {log:q} 2>&1"
