# Everything a reader needs, on one page a side: index.html shows validation, final.html the test frames.


rule build_report:
    input:
        summary=lambda w: f"results/{w.dataset}/comparison/{SIDE_OF_PAGE[w.page]}/summary.json",
        metrics=lambda w: evaluations(SIDE_OF_PAGE[w.page], w.dataset),
        status=STATUS,
        quality=lambda w: qualities([w.dataset]),
        store="results/{dataset}/store.json",
        plan=plan_file("{dataset}", 0),
        behaviour=lambda w: behaviours(w.dataset),
    output:
        page=report(
            "results/{dataset}/report/{page}.html",
            caption="../report/page.rst",
            category="{dataset}",
            subcategory="The report",
            labels={"page": "{page}.html"},
        ),
        figures=report_figures(),
    log:
        "logs/build_report/{dataset}/{page}.log",
    benchmark:
        "benchmarks/build_report/{dataset}/{page}.tsv"
    wildcard_constraints:
        page="|".join(SIDE_OF_PAGE),
    conda:
        "../../envs/posewright.yaml"
    threads: 1
    resources:
        **SITE.of("build_report", mem_mb=growing(4000, 64000), runtime=60),
    params:
        store=untracked(store_of),
        labels=untracked(lambda w: PLAN.labels.dataset_json(w.dataset)),
        version=STAGE_VERSION["build_report"],
        side=lambda w: SIDE_OF_PAGE[w.page],
        types=PLAN.methods.types(),
        # As inputs they would be made, or made again, for every report.
        optional=lambda w: PLAN.optional.results(w.dataset),
        results=subpath(output.page, ancestor=2),
        figures=lambda w: f"results/{w.dataset}/report/figures/{w.page}",
    shell:
        'python "$POSEWRIGHT/scripts/store_frames.py" --if-missing --dataset {params.labels:q} --out {params.store:q}'
        " > {log:q} 2>&1; "
        'python "$POSEWRIGHT/scripts/build_report.py" --results {params.results:q} --side {params.side}'
        " --status {input.status:q} --store {params.store:q} --title {wildcards.dataset:q}"
        " --types {params.types:q} --figures {params.figures:q}"
        " --out {output.page:q} >> {log:q} 2>&1"
