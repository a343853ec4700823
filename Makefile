# Every target sets up what it needs in .venv first. It takes Python 3.11 or newer with its venv module: `make PYTHON=python3.12 check`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Programs that some tests run. Debian's packages have the same names, but for systemd-analyze and what belongs to Prometheus.
PROGRAMS := chromium git npm prometheus prometheus-alertmanager promtool strace systemd-analyze
AXE := $(VENV)/axe/node_modules/axe-core/axe.min.js

.DEFAULT_GOAL := help
.PHONY: help check static fast coverage test demo bench screenshots programs test-services format lock clean

help:  ## what can be made
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r target what; do \
	    printf '  make %-14s %s\n' "$$target" "$$what"; done

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("driftd needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

check: $(READY)  ## format, lint, types, layers and the fast tests: the gate before a commit, about a minute
	@$(MAKE) --no-print-directory --jobs 2 static fast

static: $(READY)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

fast: $(READY)
	$(BIN)/pytest -q -m "not slow" -n 2 tests/unit tests/contract

coverage: $(READY)  ## lines and branches that the fast tests reach; fails below the floor in pyproject.toml
	$(BIN)/pytest -q -m "not slow" -n 2 tests/unit tests/contract --cov --cov-report=term

test: $(READY)  ## all tests; those that miss a part of the machine are skipped with its name
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

demo: $(READY)  ## the whole loop on real data; `.venv/bin/driftd demo --keep DIR` leaves it running for a look around
	$(BIN)/driftd demo

bench: $(READY)  ## false alarms on simulated quiet streams, shortened; benchmarks/ says how to run it whole
	nice -n 19 $(BIN)/python benchmarks/null_calibration.py --streams 2 --windows 1000

screenshots: $(READY)  ## the pictures of the docs anew, of the demo's daemon in Chromium; takes some minutes
	$(BIN)/python docs/images/make.py

test-services: programs $(AXE)  ## the programs that some tests run: Debian packages, which need root where one is missing, and axe-core of npm

$(AXE): | programs
	npm install --silent --no-save --no-audit --no-fund --prefix $(VENV)/axe axe-core@4.14.1
	@touch $@

# Prometheus and Alertmanager are taken out of their packages, because installing those would start servers.
programs:
	@missing=; for program in $(PROGRAMS); do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	if [ -z "$$missing" ]; then echo "all there: $(PROGRAMS)"; exit 0; fi; \
	echo "missing:$$missing"; \
	if [ "$$(id -u)" != 0 ]; then echo "installing packages needs root: sudo make test-services" >&2; exit 1; fi; \
	set -ex; \
	apt-get update -q; \
	packages=$$(for program in $$missing; do case $$program in prom*) ;; systemd-analyze) echo systemd;; *) echo $$program;; esac; done); \
	[ -z "$$packages" ] || apt-get install -qy --no-install-recommends $$packages; \
	if ! command -v promtool || ! command -v prometheus || ! command -v prometheus-alertmanager; then \
	    folder=$$(mktemp -d); \
	    (cd $$folder && apt-get download -q prometheus prometheus-alertmanager && for package in *.deb; do dpkg-deb -x $$package .; done); \
	    (cd $$folder/usr/bin && install prometheus prometheus-alertmanager promtool /usr/local/bin/); \
	    install -D -m 644 -t /usr/share/prometheus/alertmanager $$folder/usr/share/prometheus/alertmanager/*.tmpl; \
	    rm -r $$folder; \
	fi

format: $(READY)  ## rewrite the code as ruff wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:  ## resolve the development environment anew, into requirements/dev.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" --group dev pyproject.toml -o requirements/dev.lock

clean:  ## remove the environment and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
