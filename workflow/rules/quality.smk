# Every predicted video is judged without any truth, and shown in a few frames.


rule check_quality:
    input:
        statuses=lambda w: [
            f"results/{w.dataset}/videos/{w.release}/{video}/status.json" for video in PLAN.videos.ids(w.dataset)
        ],
    output:
        videos="results/{dataset}/quality/{release}/videos.parquet",
        intervals="results/{dataset}/quality/{release}/intervals.parquet",
        sheets=directory("results/{dataset}/quality/{release}/sheets"),
    log:
        "logs/check_quality/{dataset}/{release}.log",
    benchmark:
        "benchmarks/check_quality/{dataset}/{release}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 2
    resources:
        **SITE.of("check_quality", mem_mb=growing(4000, 64000), runtime=growing(480, 2880)),
    params:
        identity=lambda w: PLAN.videos.quality_identity(w.dataset),
        sheet=untracked(lambda w: PLAN.predicted.sheet_words(w.dataset)),
        published=untracked(lambda w: f"results/{w.dataset}/videos/{w.release}"),
        work=untracked(lambda w: f"{WORK}/quality"),
        out=subpath(output.videos, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/check_quality.py" --published {params.published:q} {params.sheet:q}'
        " --work {params.work:q} --threads {threads} --out {params.out:q} > {log:q} 2>&1"
