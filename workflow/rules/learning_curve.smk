# The same trainings on nested parts of the training side. On request only: nothing else takes this as an input.
#
# A part is written as a fold of its own, fold0_part25, so that plan_recipe, train_model and evaluate_method know it.


rule take_part:
    input:
        split="results/{dataset}/split/fold{whole}/split.json",
        labels=ancient(multiext("results/{dataset}/split/fold{whole}/", "train.slp", "val.slp")),
    output:
        split="results/{dataset}/split/fold{whole}_part{percent}/split.json",
        sides=multiext("results/{dataset}/split/fold{whole}_part{percent}/", "train.slp", "val.slp"),
    log:
        "logs/take_part/{dataset}/fold{whole}_part{percent}.log",
    benchmark:
        "benchmarks/take_part/{dataset}/fold{whole}_part{percent}.tsv"
    wildcard_constraints:
        whole=r"\d+",
        percent=r"\d+",
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        **SITE.of("take_part", mem_mb=growing(4000, 64000), runtime=30),
    params:
        version=STAGE_VERSION["take_part"],
        split=subpath(input.split, parent=True),
        out=subpath(output.split, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/take_part.py" --split {params.split:q} --percent {wildcards.percent}'
        " --out {params.out:q} > {log:q} 2>&1"


rule compare_parts:
    input:
        metrics=lambda w: curve_evaluations(w.dataset),
    output:
        summary="results/{dataset}/learning_curve/summary.json",
        points="results/{dataset}/learning_curve/points.parquet",
    log:
        "logs/compare_parts/{dataset}.log",
    benchmark:
        "benchmarks/compare_parts/{dataset}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        **SITE.of("compare_parts", mem_mb=growing(4000, 64000), runtime=60),
    params:
        settings=PLAN.optional.curve_settings(),
        evaluations=lambda w, input: folders(input.metrics),
        out=subpath(output.summary, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/compare_parts.py" --evaluations {params.evaluations:q}'
        " --settings {params.settings:q} --out {params.out:q} > {log:q} 2>&1"
