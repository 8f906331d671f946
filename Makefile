# Two commands matter: `make demo` and `make test`. Each does all its own set-up.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --universal --no-emit-index-url --no-header --no-annotate --python-version 3.11 pyproject.toml
# Developers first: what their tools cannot run with, users do not get untested. Prophet is locked for developers alone.
LOCK := $(COMPILE) --extra gcp --group build
LOCK_DEV := $(COMPILE) --all-extras --group build --group dev
LOCK_CHECKOV := echo checkov | $(BIN)/uv pip compile --quiet --generate-hashes --universal --no-emit-index-url --no-header --no-annotate --python-version 3.11 -

.PHONY: demo test components e2e lint bench docs evidence evidence-anomalies evidence-forecasts install install-dev lock lock-checkov check-locks clean

demo: install  ## replay the bundled trace and serve the page, the gauges and the API
	$(BIN)/helios demo

test: install-dev  ## every test that this machine can run
	$(BIN)/python -m pytest --numprocesses 2 --dist loadscope

components: install-dev  ## the control plane, KEDA and the rest of what make e2e runs on; a quarter of an hour the first time
	@$(BIN)/python -m tests.cluster.components || [ $$? -eq 3 ]

e2e: install-dev  ## Helios on the real control plane, KEDA, Prometheus and Alertmanager, and its image; builds them the first time
	@$(BIN)/python -m tests.cluster.components; code=$$?; [ $$code -eq 3 ] || \
		{ [ $$code -eq 0 ] && $(BIN)/python -m pytest -m "cluster or image" --numprocesses 2 --dist loadfile tests/cluster tests/image tests/docs; }

lint: install-dev  ## formatting, lints, types, import contracts, locks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install-dev  ## every benchmark that needs no data, one JSON line each
	$(BIN)/python benchmarks/cycle.py --targets 100 --json
	$(BIN)/python benchmarks/cycle.py --targets 1000 --json
	$(BIN)/python benchmarks/cycle.py --targets 10000 --json
	$(BIN)/python benchmarks/snapshots.py --targets 1000 --json
	$(BIN)/python benchmarks/relays.py --targets 1000 --json
	$(BIN)/python benchmarks/api.py --json
	$(BIN)/python benchmarks/replay.py --json

docs: install-dev  ## the site of all pages, in build/site
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --quiet docs build/site
	@echo "build/site/index.html"

evidence: evidence-anomalies evidence-forecasts  ## every figure of both, from the public data in DATA: an hour; writes docs/evidence.md

evidence-anomalies: install-dev  ## every figure of the anomaly detector: five minutes
	@test -n "$(DATA)" || { echo "Name the folder with nab/, mscloud/, asd/ and kpi/: make $@ DATA=path/to/data"; exit 2; }
	$(BIN)/python scripts/make_anomaly_evidence.py --data $(DATA)

evidence-forecasts: install-dev  ## every figure of forecasts: an hour
	@test -n "$(DATA)" || { echo "Name the folder with traces/ and gifteval/: make $@ DATA=path/to/data"; exit 2; }
	$(BIN)/python scripts/make_evidence.py --data $(DATA)

install: .venv/.installed  ## .venv with the package and the helios command in it
install-dev: .venv/.installed-dev

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Helios needs Python 3.11 or newer: install it, or run make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv .venv && test -x .venv/bin/pip || { rm -rf .venv; \
		echo "$(PYTHON) cannot make a virtual environment: install its venv module (Debian: apt-get install python3-venv)"; exit 1; }

.venv/.installed: requirements.txt pyproject.toml | .venv/bin/python
	$(PIP) install --require-hashes -r requirements.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

lock: install-dev  ## write the hash-locked requirements anew
	$(LOCK_DEV) --output-file requirements-dev.txt
	$(LOCK) --constraint requirements-dev.txt --output-file requirements.txt

lock-checkov: install-dev  ## write the policy linter's list anew: it pins a hundred packages that would be in the way of others
	$(LOCK_CHECKOV) --upgrade --output-file tests/manifests/checkov.txt

check-locks: install-dev  ## the locks are what pyproject.toml compiles to
	cp requirements.txt requirements-dev.txt .venv/
	$(LOCK_DEV) --output-file .venv/requirements-dev.txt
	$(LOCK) --constraint .venv/requirements-dev.txt --output-file .venv/requirements.txt
	cmp requirements.txt .venv/requirements.txt
	cmp requirements-dev.txt .venv/requirements-dev.txt

clean:
	rm -rf .venv
