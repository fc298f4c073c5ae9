# Training labels -> what they suggest, for recipes that say `auto` and for people.


rule plan_recipe:
    # Of the split only the train side is an input: nothing that is held back can reach a plan.
    input:
        split="results/{dataset}/split/fold{fold}/split.json",
        labels="results/{dataset}/split/fold{fold}/train.slp",
        store="results/{dataset}/store.json",
    output:
        plan="results/{dataset}/plan/fold{fold}/plan.json",
        text="results/{dataset}/plan/fold{fold}/plan.md",
    log:
        "logs/plan_recipe/{dataset}/fold{fold}.log",
    benchmark:
        "benchmarks/plan_recipe/{dataset}/fold{fold}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        **SITE.of("plan_recipe", mem_mb=growing(4000, 64000), runtime=30),
    params:
        version=STAGE_VERSION["plan_recipe"],
        dataset=lambda w: PLAN.labels.judged_json(w.dataset),
        split=subpath(input.split, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/plan_recipe.py" --split {params.split:q} --store {input.store:q}'
        " --dataset {params.dataset:q} --title {wildcards.dataset:q} --out {output.plan:q} > {log:q} 2>&1"
