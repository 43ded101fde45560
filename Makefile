# On a machine with python3 and make alone: `make demo` shows rows landing, `make test` runs everything that CI runs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Further flags for the demo, e.g. make demo UP="--rows 20" or make demo UP="--no-collector".
UP ?=
CHAOS ?=
# Tests at once; each worker has servers of its own.
JOBS ?= 2
# Where the tests' servers keep their files: in memory where there is much of it, since a fresh database is five times as quick there.
SCRATCH ?= $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 8 * 1024 * 1024 { print "/dev/shm" }')
ON_SCRATCH := $(if $(SCRATCH),TMPDIR=$(SCRATCH))
CARGO := $(shell command -v cargo)

.PHONY: browser demo test test-lowest lint native lint-native clean chaos

demo: $(VENV)/installed
	$(BIN)/prelude up --demo $(UP)

# Where there is cargo, the compiled part is tested as well, and the exporter and the sealer with it and without.
# The tests in a browser run in Debian's Chromium; without it they are skipped, and fail where CI is set.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; } || true

test: lint browser $(if $(CARGO),native)
	@# Here, so that the minutes that it takes where there is none are not a test's.
	@$(BIN)/prelude collector || $(BIN)/prelude collector build
	$(ON_SCRATCH) $(BIN)/pytest -q -n $(JOBS) --dist loadfile
	$(if $(CARGO),$(ON_SCRATCH) PRELUDE_NATIVE=off $(BIN)/pytest -q -n $(JOBS) --dist loadfile tests/integration/exporter tests/integration/seals/test_sealer.py)
	@$(MAKE) --no-print-directory test-lowest

# What runs in a service must run on the oldest versions that pyproject.toml allows, too.
test-lowest: $(VENV)/installed
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)-lowest
	VIRTUAL_ENV=$(VENV)-lowest $(BIN)/uv pip install --quiet --resolution lowest-direct --editable '.[all]' --group dev
	$(ON_SCRATCH) $(VENV)-lowest/bin/python -m pytest -q -p no:cacheprovider -n $(JOBS) --dist loadfile tests/unit/emit tests/integration/emit

lint: $(VENV)/installed $(if $(CARGO),lint-native)
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports

native: $(VENV)/native

$(VENV)/native: $(VENV)/installed native/pyproject.toml native/Cargo.toml native/Cargo.lock $(wildcard native/src/*.rs native/src/*/*.rs)
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --locked --inexact --extra native
	@touch $@

# In folders of their own: cargo builds everything anew when maturin and it take turns. Both come with most installations of Rust.
lint-native:
	@if cargo fmt --version >/dev/null 2>&1; then cd native && cargo fmt --check; fi
	@if cargo clippy --version >/dev/null 2>&1; then \
		cd native && cargo clippy --quiet --locked --target-dir target/lint -- -D warnings; fi

# 1,000 faults against the whole chain, some 35 minutes; as root the disks can be full, too. CHAOS="--faults 100 --seed 7" for others.
chaos: $(VENV)/installed
	@$(BIN)/prelude collector || $(BIN)/prelude collector build
	$(BIN)/python -m tests.chaos $(CHAOS)

clean:
	rm -rf native/target $(VENV) $(VENV)-lowest .prelude dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "prelude-otel needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

# uv lives in the environment that it fills, hence --inexact: it leaves what the lock file does not name.
$(VENV)/installed: $(VENV)/bin/uv pyproject.toml uv.lock
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --locked --inexact
	@touch $@
