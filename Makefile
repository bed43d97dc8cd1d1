# Two commands do everything on a machine that has Python >= 3.11, make and git:
#   make demo    sets up, then runs the main job on a small real pool
#   make test    sets up, then runs the tests
# Three more write documents: `make reference` the pages that are made from the program, `make docs` all pages as a site, in site/,
# and `make figures` redraws docs/pictures from what the benchmarks measured.
# `make setup TORCH=torch==2.13.0` installs another build of PyTorch than the newest.

PYTHON ?= python3
VENV   ?= .venv
TORCH  ?=
BIN    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

# Containers often forbid Python to store bytecode; then each process of the tests would compile PyTorch anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup check format test demo reference docs figures clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(if $(TORCH),$(BIN)/python -m pip install --quiet "$(TORCH)")
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable ".[dev]"
	touch $@

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# As many processes as cores, so one thread in each.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

demo: setup
	$(BIN)/radin demo

reference: setup
	$(BIN)/python docs/generate.py

docs: reference
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable ".[docs]"
	$(BIN)/zensical build --clean --strict

figures: setup
	$(BIN)/python docs/figures.py

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache radin-demo
