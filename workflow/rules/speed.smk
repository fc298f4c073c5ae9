# What every method costs to run, timed on one node. On request only: nothing else takes this as an input.


rule measure_speed:
    input:
        releases=lambda w: [release_file(w.dataset, release) for release in PLAN.releases.timed().values()],
        scored=lambda w: first_runs(w.dataset),
        split="results/{dataset}/split/fold0/split.json",
        labels=ancient(multiext("results/{dataset}/split/fold0/", "train.slp", "val.slp")),
        store="results/{dataset}/store.json",
    output:
        speed="results/{dataset}/speed/speed.json",
        rounds="results/{dataset}/speed/rounds.parquet",
    log:
        "logs/measure_speed/{dataset}.log",
    benchmark:
        "benchmarks/measure_speed/{dataset}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 4
    resources:
        **SITE.of("measure_speed", gpu=SITE.gpu, mem_mb=growing(12000, 64000), runtime=120),
    params:
        store=untracked(store_of),
        labels=untracked(lambda w: PLAN.labels.dataset_json(w.dataset)),
        settings=PLAN.optional.speed_settings(),
        methods=list(PLAN.releases.timed()),
        untimed=canonical_json(PLAN.releases.untimed()),
        scored=lambda w, input: folders(input.scored),
        split=subpath(input.split, parent=True),
        videos=untracked(lambda w: PLAN.optional.speed_videos(w.dataset)),
        work=untracked(lambda w: f"{WORK}/predict"),
        out=subpath(output.speed, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/store_frames.py" --if-missing --dataset {params.labels:q} --out {params.store:q}'
        " > {log:q} 2>&1; "
        'python "$POSEWRIGHT/scripts/measure_speed.py" --methods {params.methods:q} --releases {input.releases:q}'
        " --scored {params.scored:q} --split {params.split:q} --store {params.store:q} --videos {params.videos:q}"
        " --untimed {params.untimed:q} --settings {params.settings:q} --threads {threads} --work {params.work:q} --out {params.out:q} >> {log:q} 2>&1"
