# Label files -> a split that all methods share, the labelled frames decoded once, and how exact labels are.


rule check_inputs:
    input:
        labels=lambda w: ancient(PLAN.labels.files(w.dataset)),
    output:
        check="results/{dataset}/check.json",
    log:
        "logs/check_inputs/{dataset}.log",
    benchmark:
        "benchmarks/check_inputs/{dataset}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        **SITE.of("check_inputs", mem_mb=growing(4000, 64000, per_input_mb=4), runtime=60),
    params:
        split=lambda w: PLAN.labels.split_identity(w.dataset),
        project=untracked(lambda w: canonical_json(config)),
        groups=untracked(lambda w: groups_file(w.dataset)),
    shell:
        'python "$POSEWRIGHT/scripts/check_inputs.py" --project {params.project:q} --dataset {wildcards.dataset:q}'
        " --groups {params.groups:q} --out {output.check:q} > {log:q} 2>&1"


rule split_labels:
    # check_inputs compares the same params, so whenever this rule has to run, so has the check before it.
    input:
        check="results/{dataset}/check.json",
        labels=lambda w: ancient(PLAN.labels.files(w.dataset)),
        index=ancient("results/{dataset}/store.json"),
    output:
        split="results/{dataset}/split/fold{fold}/split.json",
        sides=multiext("results/{dataset}/split/fold{fold}/", "train.slp", "val.slp", "test.slp"),
    log:
        "logs/split_labels/{dataset}/fold{fold}.log",
    benchmark:
        "benchmarks/split_labels/{dataset}/fold{fold}.tsv"
    wildcard_constraints:
        fold=r"\d+",
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        **SITE.of("split_labels", mem_mb=growing(4000, 64000, per_input_mb=4), runtime=60),
    params:
        identity=lambda w: PLAN.labels.split_identity(w.dataset),
        split=PLAN.labels.split_json(),
        dataset=untracked(lambda w: PLAN.labels.dataset_json(w.dataset)),
        sheet=untracked(lambda w: ["--sheet", PLAN.project.videos] if PLAN.project.videos else []),
        groups=untracked(lambda w: groups_file(w.dataset)),
        store=untracked(store_of),
        out=subpath(output.split, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/store_frames.py" --if-missing --dataset {params.dataset:q} --out {params.store:q}'
        " > {log:q} 2>&1; "
        'python "$POSEWRIGHT/scripts/split_labels.py" --dataset {params.dataset:q} --split {params.split:q}'
        " {params.sheet:q} --groups {params.groups:q} --fold {wildcards.fold} --store {params.store:q}"
        " --out {params.out:q} >> {log:q} 2>&1"


rule store_frames:
    # The pixels are scratch in the work folder, and no output: Snakemake would redo everything that ever read them
    # when they are deleted and one job needs them. Who misses them makes them again (scripts/store_frames.py).
    input:
        labels=lambda w: ancient(PLAN.labels.files(w.dataset)),
    output:
        index="results/{dataset}/store.json",
    log:
        "logs/store_frames/{dataset}.log",
    benchmark:
        "benchmarks/store_frames/{dataset}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        **SITE.of("store_frames", mem_mb=growing(4000, 64000, per_input_mb=4), runtime=240),
    params:
        identity=lambda w: PLAN.labels.store_identity(w.dataset),
        dataset=untracked(lambda w: PLAN.labels.dataset_json(w.dataset)),
        store=untracked(store_of),
    shell:
        'python "$POSEWRIGHT/scripts/store_frames.py" --dataset {params.dataset:q} --out {params.store:q}'
        " --index {output.index:q} > {log:q} 2>&1"


rule measure_repeats:
    # Only where frames were labelled once more: nothing else asks for it.
    input:
        labels=lambda w: ancient(PLAN.labels.files(w.dataset)),
        repeated=lambda w: ancient(PLAN.labels.repeated(w.dataset)),
    output:
        repeats=repeats_file("{dataset}"),
        distances="results/{dataset}/repeats/distances.parquet",
    log:
        "logs/measure_repeats/{dataset}.log",
    benchmark:
        "benchmarks/measure_repeats/{dataset}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        **SITE.of("measure_repeats", mem_mb=growing(4000, 64000, per_input_mb=4), runtime=60),
    params:
        identity=lambda w: PLAN.labels.repeats_identity(w.dataset),
        dataset=untracked(lambda w: PLAN.labels.dataset_json(w.dataset)),
        out=subpath(output.repeats, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/measure_repeats.py" --dataset {params.dataset:q} --out {params.out:q}'
        " > {log:q} 2>&1"
