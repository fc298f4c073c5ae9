# A release and a batch of videos -> products in the work folder and one manifest; then each video published by itself.


localrules:
    publish_video,
    collect_status,


rule predict_videos:
    # Videos are no inputs: a missing one is a state in its status.json, not the end of the run.
    # A very long video is a batch by itself that joins what the batches of its chunks computed.
    input:
        release="results/{dataset}/releases/{release}/release.json",
        chunks=lambda w: [
            batch_file(w.dataset, w.release, chunk) for chunk in PLAN.videos.chunks_of(w.dataset, w.batch)
        ],
    output:
        manifest=batch_file("{dataset}", "{release}", "{batch}"),
    log:
        "logs/predict_videos/{dataset}/{release}/{batch}.log",
    benchmark:
        "benchmarks/predict_videos/{dataset}/{release}/{batch}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 4
    resources:
        **SITE.of("predict_videos", gpu=SITE.gpu, mem_mb=growing(12000, 64000), runtime=growing(480, 2880)),
    params:
        videos=lambda w: PLAN.videos.batch_rows(w.dataset, w.batch),
        identity=PLAN.videos.identity(),
        settings=untracked(lambda w: PLAN.videos.settings()),
        work=untracked(lambda w: f"{WORK}/predict"),
        published=untracked(lambda w: f"results/{w.dataset}/videos/{w.release}"),
    shell:
        'python "$POSEWRIGHT/scripts/predict_videos.py" --release {input.release:q} --videos {params.videos:q}'
        " --settings {params.settings:q} --work {params.work:q} --published {params.published:q}"
        " --manifest {output.manifest:q} > {log:q} 2>&1"


rule publish_video:
    # The manifest is a plain input, never ancient: a job below a job that runs is not checked for its own reasons.
    input:
        manifest=lambda w: batch_file(w.dataset, w.release, PLAN.videos.batch_of(w.dataset, w.video)),
    output:
        files=publication(),
    log:
        "logs/publish_video/{dataset}/{release}/{video}.log",
    benchmark:
        "benchmarks/publish_video/{dataset}/{release}/{video}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        version=STAGE_VERSION["publish_video"],
        out=lambda w, output: str(Path(output[0]).parent),
    shell:
        'python -IS "$POSEWRIGHT/scripts/publish_video.py" --manifest {input.manifest:q} --video {wildcards.video:q}'
        " --release {wildcards.release:q} --out {params.out:q} > {log:q} 2>&1"


rule collect_status:
    input:
        statuses=published(["status.json"]),
    output:
        table=report(STATUS, caption="../report/status.rst", category="Videos", labels={"table": "every video's state"}),
    log:
        "logs/collect_status/all.log",
    benchmark:
        "benchmarks/collect_status/all.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        version=STAGE_VERSION["collect_status"],
    shell:
        'python "$POSEWRIGHT/scripts/collect_status.py" --out {output.table:q} --statuses {input.statuses:q}'
        " > {log:q} 2>&1"
