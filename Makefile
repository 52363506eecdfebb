# Everything a newcomer needs: `make up` runs aTES, `make test` tests it. ARGS are passed on to the command.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help up down lint check test bench chaos lab pictures simulation soak streams-wheel streams-kills verify-eos verify-network fuzz attack docs format lock sbom clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# Locked with hashes (docs/adr/0014-locked-dependencies.md). Without a C compiler one is installed, for the compiled modules.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
$(READY): setup.py pyproject.toml $(wildcard ates/*/*.pyx) requirements/dev.lock requirements/build.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "aTES needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing aTES into $(VENV) (once) …" >&2
	@$(PIP) --no-deps --require-hashes --requirement requirements/dev.lock >&2
	@PYTHONPATH=building $(BIN)/python -c 'import backend; exit(not backend.found())' || $(PIP) --require-hashes --requirement requirements/build.lock >&2
	@$(PIP) --no-deps --no-build-isolation --editable . >&2
	@touch $(READY)

up: $(READY) ## install if needed, and start everything (ARGS="--detach --empty --port 9000")
	@exec $(BIN)/ates up $(ARGS)

down: $(READY) ## stop what `make up` started
	@$(BIN)/ates down $(ARGS)

lint: $(READY) ## style, types, architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check: lint ## lint, unit tests, simulation: no stack needed
	@$(BIN)/pytest tests/unit tests/agents tests/simulation $(ARGS)

test: $(READY) ## all tests, on embedded stacks of their own, in two processes (ARGS="-n 0": in one)
	@$(BIN)/pytest -n 2 --dist loadgroup --no-loadscope-reorder $(ARGS)

bench: $(READY) ## measure runtime, peers and system (ARGS="race --only ates"; ARGS=--help tells more)
	@$(BIN)/python -m bench $(ARGS)

chaos: $(READY) ## kill, pause, scale workers and take servers away under load, then audit (MINUTES=n, BROKERS=3)
	@$(BIN)/python -m tests.chaos --minutes $(or $(MINUTES),2) --brokers $(or $(BROKERS),1) $(ARGS)

soak: $(READY) ## hours of steady load with kills and rebalances: is everything flat? (HOURS=n, ARGS="--docs")
	@$(BIN)/python -m tests.soak --hours $(or $(HOURS),2) $(ARGS)

simulation: $(READY) ## histories of killed, paused and cut-off workers, in simulated time (SEEDS=n)
	@ATES_TEST_SEEDS=$(or $(SEEDS),5000) $(BIN)/pytest tests/simulation $(ARGS)

lab: $(READY) ## every fault of the lab on a demo of its own, until all is green (TIMES=n)
	@$(BIN)/python -m tests.lab --times $(or $(TIMES),3) $(ARGS)

pictures: $(READY) ## renew docs/images with a Chromium and a demo of its own
	@$(BIN)/python -m tests.pictures $(ARGS)

verify-eos: $(READY) ## Apache's verifier of exactly-once against our runtime (KILLS=n)
	@$(BIN)/python -m tests.verifier --kills $(or $(KILLS),20) $(ARGS)

streams-kills: $(READY) ## the word count of the streams library, killed by kill -9 (KILLS=n)
	@ATES_TEST_KILLS=$(or $(KILLS),20) $(BIN)/pytest tests/contract/test_streams_examples.py -n 0 $(ARGS)

streams-wheel: $(READY) ## the streams library as a wheel of its own, in build/streams
	@$(BIN)/python building/streams_wheel.py build/streams

verify-network: $(READY) ## transactions over a network that loses, delays and reorders frames (TRANSACTIONS=n, ARGS="--late 20")
	@$(BIN)/python -m tests.network --transactions $(or $(TRANSACTIONS),2000) $(ARGS)

fuzz: $(READY) ## hostile schemas, bytes and values through the codec and its C (SECONDS=n, RUNS=n)
	@$(BIN)/python -m tests.fuzz -max_total_time=$(or $(SECONDS),60) $(ARGS)
	@$(BIN)/python -m tests.fuzz.plan --runs $(or $(RUNS),1000000)

attack: $(READY) ## hostile requests to every address, header and field (N=how many)
	@$(BIN)/python -m tests.attack $(or $(N),100000) $(ARGS)

compose-check: $(READY) ## docker-compose.yml in real containers: up, a task, a worker killed, audit, down
	@$(BIN)/python -m deploy.compose_check $(ARGS)

docs: $(READY) ## build the book into build/docs (diagrams need npm, once)
	@test -d docs/site/node_modules || ! command -v npm >/dev/null || npm ci --prefix docs/site --silent --ignore-scripts --no-audit --no-fund
	@$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going --conf-dir docs/site . build/docs
	@echo "build/docs/index.html"

format: $(READY) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

sbom: $(READY) ## the software bill of materials, sbom.cdx.json (CycloneDX)
	@$(BIN)/python -m building.sbom sbom.cdx.json

LOCK := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate $(ARGS)
lock: $(READY) ## renew requirements/*.lock within the ranges of pyproject.toml (ARGS="--upgrade")
	@$(LOCK) --override requirements/overrides.in --extra dev pyproject.toml --output-file requirements/dev.lock
	@$(LOCK) --constraint requirements/dev.lock pyproject.toml --output-file requirements/core.lock
	@$(LOCK) --constraint requirements/dev.lock requirements/build.in --output-file requirements/build.lock

clean: ## remove the virtual environment and caches, not the data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
