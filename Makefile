# Two commands do everything: `make studio` opens Lethe, `make test` runs every check. `make check` is its quick part.
# PYTHON names another interpreter: make studio PYTHON=python3.12

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
TORCH := 2.13.0
OLD := Lethe needs Python 3.11 or newer, and $(or $(PYTHON),python3) is not that; name one, as in: make studio PYTHON=python3.12
NO_VENV := $(PYTHON) could not make a virtual environment; on Debian and Ubuntu install the package python3-venv and try again.

PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder

.PHONY: studio check test unit lint format chromium lock newest clean
.DEFAULT_GOAL := studio

studio: $(VENV)/installed  ## Install what is missing and open the studio on http://127.0.0.1:7860
	@exec $(BIN)/lethe serve

check: $(VENV)/installed-test  ## Style, types, imports and the tests that need no model library, in a minute or two
	@$(MAKE) --no-print-directory -j2 lint unit

test: check  ## Every check and every test, those in the browser too
	@browser=$$(sh .ci/chromium $(BIN)/python) && CHROMIUM="$$browser" $(PYTEST) -m "not unit"

unit: $(VENV)/installed-test  ## The tests that need no model library
	@$(PYTEST) -q -m unit

lint: $(VENV)/installed-test  ## Style, types, and which part may import which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/installed-test  ## Bring every file into the common format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

chromium: $(VENV)/installed-test  ## Find or fetch the browser of the tests
	@sh .ci/chromium $(BIN)/python

clean:  ## Remove the virtual environment and what tools keep beside the code
	@rm -rf $(VENV) .venv-newest out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

lock:  ## Renew the exact versions that are installed, from the ranges of pyproject.toml
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install -q uv; }
	@mkdir -p requirements
	@$(LOCK) --upgrade --extra test -o requirements/test.txt
	@$(LOCK) -c requirements/test.txt -o requirements/studio.txt

newest: $(VENV)/installed-test  ## What the newest releases that pyproject.toml allows would break; never fails
	@sh .ci/newest $(BIN)/python

# Every package of the tree in one tested version, with its hash. PyTorch comes after it, in the build that fits the machine:
# the one without CUDA is a tenth of the size and is taken where there is no NVIDIA GPU; where its index is out of reach,
# whatever PyPI has is taken instead.
LOCK = $(BIN)/uv pip compile pyproject.toml -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-package torch --no-annotate --custom-compile-command "make lock"
# Python compiles a file when it is first imported, and keeps it; to compile all 21,000 of them here would take a minute.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip install -q --no-compile
LOCKED = $(PIP) --no-deps --require-hashes

$(VENV)/installed: pyproject.toml requirements/studio.txt
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "$(OLD)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(NO_VENV)" >&2; exit 1; }
	@echo "Installing Lethe and PyTorch $(TORCH); this takes a few minutes the first time."
	@$(LOCKED) -r requirements/studio.txt
	@if command -v nvidia-smi >/dev/null 2>&1; then $(PIP) "torch==$(TORCH)"; \
	else $(PIP) --retries 0 --timeout 20 "torch==$(TORCH)" \
		--index-url https://download.pytorch.org/whl/cpu --extra-index-url https://pypi.org/simple 2>/dev/null \
		|| $(PIP) "torch==$(TORCH)"; fi
	@$(PIP) --no-deps -e .
	@echo "Compiling what draws the maps (once)."
	@$(BIN)/python -m backends.inspectors._umap
	@touch $@

$(VENV)/installed-test: $(VENV)/installed requirements/test.txt
	@echo "Installing what the tests need."
	@$(LOCKED) -r requirements/test.txt
	@touch $@
