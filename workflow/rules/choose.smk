# Where the config asks for it: of each model's epochs the one with which its whole method does best on validation frames.


rule choose_checkpoint:
    # One model of a method, beside those of earlier recipes as chosen and those of later ones as trained.
    input:
        model="results/{dataset}/models/{recipe}/fold{fold}_seed{seed}/model.json",
        candidates=ancient("results/{dataset}/models/{recipe}/fold{fold}_seed{seed}/candidates.ckpt"),
        partners=lambda w: partner_models(w, "model.json"),
        checkpoints=lambda w: ancient(partner_models(w, "best.ckpt")),
        split="results/{dataset}/split/fold{fold}/split.json",
        labels=ancient("results/{dataset}/split/fold{fold}/val.slp"),
        store="results/{dataset}/store.json",
        repeats=lambda w: repeats(w.dataset) if PLAN.methods.decided_by_sigmas else [],
    output:
        model="results/{dataset}/chosen/{method}/{recipe}/fold{fold}_seed{seed}/model.json",
        checkpoint="results/{dataset}/chosen/{method}/{recipe}/fold{fold}_seed{seed}/best.ckpt",
        others=multiext(
            "results/{dataset}/chosen/{method}/{recipe}/fold{fold}_seed{seed}/",
            "training_config.yaml",
            "training_log.csv",
            "curves.png",
        ),
    log:
        "logs/choose_checkpoint/{dataset}/{method}/{recipe}/fold{fold}_seed{seed}.log",
    benchmark:
        "benchmarks/choose_checkpoint/{dataset}/{method}/{recipe}/fold{fold}_seed{seed}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 4
    resources:
        **SITE.of("choose_checkpoint", gpu=SITE.gpu, mem_mb=growing(8000, 64000), runtime=120),
    params:
        store=untracked(store_of),
        labels=untracked(lambda w: PLAN.labels.dataset_json(w.dataset)),
        identity=PLAN.methods.choice_identity(),
        options=PLAN.methods.reading_options(),
        dataset=lambda w: PLAN.labels.judged_json(w.dataset),
        primary=PLAN.project.compare.primary,
        models=subpath(input.model, parent=True),
        partners=lambda w, input: folders(input.partners),
        repeats=lambda w, input: repeats_words(input),
        split=subpath(input.split, parent=True),
        out=subpath(output.model, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/store_frames.py" --if-missing --dataset {params.labels:q} --out {params.store:q}'
        " > {log:q} 2>&1; "
        'python "$POSEWRIGHT/scripts/choose_checkpoint.py" --model {params.models:q} --partners {params.partners:q}'
        " {params.repeats:q} --split {params.split:q} --store {params.store:q} --dataset {params.dataset:q}"
        " --options {params.options:q} --primary {params.primary:q} --out {params.out:q} >> {log:q} 2>&1"
