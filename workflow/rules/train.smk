# One recipe on one fold with one seed -> a model folder.


rule train_model:
    # Checkpoints lie in an undeclared work folder, where Snakemake neither deletes nor expects them.
    input:
        split="results/{dataset}/split/fold{fold}/split.json",
        labels=ancient(multiext("results/{dataset}/split/fold{fold}/", "train.slp", "val.slp")),
        store="results/{dataset}/store.json",
        plan=lambda w: PLAN.methods.plan_words(w.recipe, plan_file(w.dataset, w.fold))[1:],
        whole=whole_model,
    output:
        model="results/{dataset}/models/{recipe}/fold{fold}_seed{seed}/model.json",
        checkpoint="results/{dataset}/models/{recipe}/fold{fold}_seed{seed}/best.ckpt",
        candidates=(
            ["results/{dataset}/models/{recipe}/fold{fold}_seed{seed}/candidates.ckpt"] if PLAN.methods.chooses else []
        ),
        others=multiext(
            "results/{dataset}/models/{recipe}/fold{fold}_seed{seed}/",
            "training_config.yaml",
            "training_log.csv",
            "curves.png",
        ),
    log:
        "logs/train_model/{dataset}/{recipe}/fold{fold}_seed{seed}.log",
    benchmark:
        "benchmarks/train_model/{dataset}/{recipe}/fold{fold}_seed{seed}.tsv"
    conda:
        "../../envs/posewright.yaml"
    threads: 4
    resources:
        **SITE.of("train_model", gpu=SITE.gpu, mem_mb=growing(12000, 64000), runtime=480),
    params:
        store=untracked(store_of),
        labels=untracked(lambda w: PLAN.labels.dataset_json(w.dataset)),
        science=lambda w: PLAN.methods.recipe_identity(w.recipe),
        recipe=untracked(
            lambda w: [
                PLAN.methods.recipe_json(w.recipe),
                *PLAN.methods.plan_words(w.recipe, plan_file(w.dataset, w.fold)),
                *PLAN.optional.epoch_words(whole_model(w)),
            ]
        ),
        candidates=untracked(lambda w: ["--candidates"] if PLAN.methods.chooses else []),
        work=untracked(lambda w: f"{WORK}/train/{w.dataset}"),
        split=subpath(input.split, parent=True),
        out=subpath(output.model, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/store_frames.py" --if-missing --dataset {params.labels:q} --out {params.store:q}'
        " > {log:q} 2>&1; "
        'python "$POSEWRIGHT/scripts/train_model.py" --recipe {params.recipe:q} --split {params.split:q}'
        " --store {params.store:q} --seed {wildcards.seed} --fold {wildcards.fold} {params.candidates:q}"
        " --work {params.work:q} --out {params.out:q} >> {log:q} 2>&1"


rule refit_model:
    # The recipe of an evaluated model on the labels of all sides. Nothing scores it, so test frames stay unread.
    input:
        model=lambda w: evaluated_model(w, "model.json"),
        log=lambda w: ancient(evaluated_model(w, "training_log.csv")),
        labels=ancient(multiext("results/{dataset}/split/fold{fold}/", "train.slp", "val.slp", "test.slp")),
    output:
        model="results/{dataset}/refits/{recipe}/fold{fold}_seed{seed}/model.json",
        checkpoint="results/{dataset}/refits/{recipe}/fold{fold}_seed{seed}/best.ckpt",
        others=multiext(
            "results/{dataset}/refits/{recipe}/fold{fold}_seed{seed}/",
            "training_config.yaml",
            "training_log.csv",
            "curves.png",
        ),
    log:
        "logs/refit_model/{dataset}/{recipe}/fold{fold}_seed{seed}.log",
    benchmark:
        "benchmarks/refit_model/{dataset}/{recipe}/fold{fold}_seed{seed}.tsv"
    wildcard_constraints:
        recipe="[^/]+(/[^/]+)?",
    conda:
        "../../envs/posewright.yaml"
    threads: 4
    resources:
        **SITE.of("refit_model", gpu=SITE.gpu, mem_mb=growing(12000, 64000), runtime=480),
    params:
        version=STAGE_VERSION["refit_model"],
        evaluated=lambda w, input: folders(input.model),
        store=untracked(store_of),
        dataset=untracked(lambda w: PLAN.labels.dataset_json(w.dataset)),
        work=untracked(lambda w: f"{WORK}/train/{w.dataset}"),
        split=lambda w: f"results/{w.dataset}/split/fold{w.fold}",
        out=subpath(output.model, parent=True),
    shell:
        'python "$POSEWRIGHT/scripts/store_frames.py" --if-missing --dataset {params.dataset:q} --out {params.store:q}'
        " > {log:q} 2>&1; "
        'python "$POSEWRIGHT/scripts/refit_model.py" --model {params.evaluated:q} --split {params.split:q}'
        " --store {params.store:q} --work {params.work:q} --out {params.out:q} >> {log:q} 2>&1"
