# Thin calls only. `make demo` and `make test` set themselves up; VENV=path uses another environment.
VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(abspath $(VENV))/bin
INSTALLED := $(VENV)/.posewright-installed
DEMO := resources/synthetic/labels.slp
MARKS := $(if $(LONG),not peer and not slurm,not long and not peer and not slurm)
export PATH := $(BIN):$(PATH)

.PHONY: demo test lint types docs bench-peer cluster clean

demo: $(INSTALLED) $(DEMO)
	posewright run
	@echo "The report lies in results/synthetic/report/index.html"

test: $(INSTALLED)
	python -m pytest -m "$(MARKS)" $(ARGS)

lint: $(INSTALLED)
	ruff check .
	ruff format --check .
	snakefmt --check workflow
	snakemake --lint --configfile tests/workflow/lint.yaml
	codespell

types: $(INSTALLED)
	mypy

docs: $(INSTALLED)  ## the generated parts of config/: defaults, schemas, tables
	python -m posewright.config.docs

bench-peer: $(INSTALLED)  ## like for like with sleap-nn on ../shared/data/flies-pair; about 10 minutes on two idle cores
	python bench/flies_pair.py work/bench-peer

cluster: $(INSTALLED)  ## 300 videos on a Slurm of this machine, with faults of all kinds; as root, hours; CLUSTER=new folder, ARGS
	tests/cluster/slurm-lab start
	PYTHONPATH=tests python -m cluster.campaign $(or $(CLUSTER),work/cluster) --node-down $(ARGS)
	tests/cluster/slurm-lab stop

clean:  ## what the demo and the tools made; the environment and your own results/<dataset> stay
	rm -rf resources/synthetic results/synthetic work .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(INSTALLED): requirements.lock requirements-dev.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.lock -r requirements-dev.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps -e .
	touch $@

$(DEMO): | $(INSTALLED)
	python -m posewright.synthetic resources/synthetic
