# Every target sets up .venv first when that is needed, and nothing is done twice.
# `make demo` and `make test` are the two to know; `make` alone lists them all.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PORTFOLIO ?= portfolio
GALLERY ?= gallery

.DEFAULT_GOAL := help
.PHONY: help demo test soak check check-lint check-types check-sql check-tests ui bench gallery lock
unexport PYTHONDONTWRITEBYTECODE  # tests start a hundred processes, each of which would compile everything anew

help:
	@echo "make demo    build the Atsugi example in $(PORTFOLIO)/, run every month, print what V2B saved"
	@echo "make test    make check, then every test but the long counts"
	@echo "make check   ruff, ruff format, mypy --strict, sqlfluff, architecture test"
	@echo "make soak    the long counts, with a new seed each time (SEED=... repeats one); most of an hour"
	@echo "make bench   measured times, each beside a floor no program can beat"
	@echo "make gallery every state of the report as pictures in $(GALLERY)/; needs chromium"
	@echo "make ui      the Dagster UI on $(PORTFOLIO)/"
	@echo "make lock    requirements.lock anew from pyproject.toml (UPGRADE=1 takes newer versions)"

# Set-up. `.setting-up` stands in .venv from the first step to the last and then becomes the stamp `.ready` in one
# rename: a set-up that was killed is seen by its mark and started over, never trusted. The lock lets two makes wait
# for each other; the kernel frees it when a process dies.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo >&2 \
	  "Python 3.11 or newer is needed and '$(PYTHON)' is not here: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo >&2 \
	  "Python 3.11 or newer is needed and '$(PYTHON)' is older: name a newer one with make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo >&2 \
	  "'$(PYTHON)' cannot make virtual environments: apt-get install python3-venv"; exit 1; }
	@exec 9>.venv.lock; flock 9; \
	if [ $@ -nt requirements.lock ] && [ $@ -nt pyproject.toml ]; then exit 0; fi; \
	if [ -e $(VENV)/.setting-up ] || ! $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo "Setting up $(VENV): a minute or two ..." >&2; \
	  rm -rf $(VENV) && mkdir $(VENV) && touch $(VENV)/.setting-up && $(PYTHON) -m venv $(VENV); \
	else echo "Bringing $(VENV) up to date ..." >&2; touch $(VENV)/.setting-up; fi && \
	$(PIP) --require-hashes -r requirements.lock && \
	$(PIP) --no-deps --no-build-isolation -e . && \
	mv $(VENV)/.setting-up $@ || { echo >&2 "Set-up stopped for the reason above; the next make starts it over."; exit 1; }

# Built aside and renamed when complete: a killed build is started over, not taken for a portfolio.
demo: $(READY)
	@test -e $(PORTFOLIO)/v2b.toml || { \
	  echo "Building $(PORTFOLIO)/ from the Atsugi example ..." >&2; rm -rf $(PORTFOLIO).partial; \
	  told=$$($(BIN)/v2b init $(PORTFOLIO).partial --example atsugi 2>&1) || { echo "$$told" >&2; exit 1; }; \
	  mv -T $(PORTFOLIO).partial $(PORTFOLIO); }
	@$(BIN)/v2b run --portfolio $(PORTFOLIO)

check: $(READY)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-types check-sql check-tests check-lint

check-lint: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .

check-types: $(READY)
	@$(BIN)/mypy --no-error-summary

check-sql: $(READY)
	@$(BIN)/sqlfluff lint --disable-progress-bar sql

# Reading every test once compiles it for all workers, each of which would do it by itself.
check-tests: $(READY)
	@$(BIN)/pytest tests/test_architecture.py
	@told=$$($(BIN)/pytest --collect-only -qq -m "not soak") || { echo "$$told"; exit 1; }

# Four workers, for some wait; each with one Polars thread, for they share the cores.
test: check
	@POLARS_MAX_THREADS=1 $(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder -m "not soak"

soak: $(READY)
	@seed=$${SEED:-$$(date +%s)}; \
	echo "soak seed $$seed (make soak SEED=$$seed repeats it)"; \
	V2B_SOAK_SEED=$$seed $(BIN)/pytest -n 2 --dist load --maxschedchunk 1 -vv -m soak --durations=20 --hypothesis-seed=$$seed

bench: $(READY)
	@$(BIN)/python -m tests.bench
	@$(BIN)/python -m tests.bench.tariffs
	@$(BIN)/python -m tests.bench.formats
	@$(BIN)/python -m tests.bench.baselines
	@$(BIN)/python -m tests.bench.chain
	@$(BIN)/python -m tests.bench.coverage
	@$(BIN)/python -m tests.bench.reports

gallery: $(READY)
	@$(BIN)/python -m tests.reports.gallery $(GALLERY)

ui: $(READY)
	@$(BIN)/v2b ui --portfolio $(PORTFOLIO)

# uv resolves for every platform at once, which pip cannot; where it is not installed it comes into a throw-away venv.
lock: $(READY)
	@tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	uv=$$(command -v uv) || { $(BIN)/python -m venv "$$tools" && "$$tools/bin/python" -m pip install --quiet uv && uv=$$tools/bin/uv; } && \
	"$$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	  --no-emit-index-url --no-header --extra dev $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements.lock
