# Every target does its own set-up. Needed: Python >= 3.11 with pip and venv, and make.

PYTHON ?= python3
JOBS ?= 4  # many tests wait for processes and wires

# uv is taken from the machine, or brought into the project's own .uv/ if there is none.
UV := $(shell command -v uv 2>/dev/null)
ifeq ($(UV),)
UV := .uv/bin/uv
endif

RUN := .venv/bin
# uv compiles what it installs, but not the project itself; where Python may not, every command would begin with it.
COMPILE := $(RUN)/python -m compileall -q cli.py firmware_model hil protocols

.PHONY: demo test lint bench soak fuzz format clean
.DEFAULT_GOAL := demo

demo: .venv/.installed  ## a 24-hour flow-accuracy test of a simulated pump on a simulated bench
	$(RUN)/pumprig run --out runs

DEPTH ?= quick
test: .venv/.developed  ## in parallel; DEPTH=full has four times as many examples of each property, and every case of what is marked deep
	$(RUN)/python -m pytest -n $(JOBS) --dist worksteal --hypothesis-profile=$(DEPTH)

lint: .venv/.developed  ## style, types, and who may import whom
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

bench: .venv/.developed  ## how fast, and how often alarms miss or cry wolf; figures are kept in bench.json
	$(RUN)/python -m pytest tests/bench -p benchmark --benchmark-json=bench.json --timeout=3600

soak: .venv/.developed  ## the long versions of tests
	$(RUN)/python -m pytest -n $(JOBS) --dist worksteal --timeout=7200 -m soak --hypothesis-profile=full

FUZZ_SECONDS ?= 3600
fuzz: .venv/.developed  ## hostile bytes, guided by coverage; FUZZ_SECONDS=N, the corpus is kept in fuzz-corpus/
	$(UV) sync --frozen --quiet --inexact --group fuzz --python $(PYTHON)
	NUMBA_DISABLE_JIT=1 $(RUN)/python -m tests.fuzz.fuzz_protocol fuzz-corpus -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=1 -rss_limit_mb=1024 -artifact_prefix=fuzz-corpus/finding-

format: .venv/.developed
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

clean:
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# --frozen installs exactly what uv.lock says, from whichever index this machine is set up for.
.venv/.installed: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --quiet --compile-bytecode --no-dev --inexact --python $(PYTHON)
	$(COMPILE)
	@touch $@

.venv/.developed: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --quiet --compile-bytecode --group peers --python $(PYTHON)
	$(COMPILE)
	@touch .venv/.installed $@

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv
