# Needs Python 3.11 or later and make; everything else comes with pip into .venv.
#   make demo    simulate ResNet-50 (ONNX) and leave a report in build/demo
#   make test    lint, types and all tests          make lint    lint and types only
#   make docs    the documentation site, build/site make notebooks  run them anew, in place
#   make bench   the benchmarks                     make clean   remove what the others made, but not .venv
PYTHON ?= python3
WORKERS ?= 2

BIN := .venv/bin
INSTALLED := .venv/.installed
DEMO := build/demo
# a ResNet-50 that the onnx package carries for its own tests
RESNET50 = $(shell $(BIN)/python -c "import onnx, pathlib; \
	print(pathlib.Path(onnx.__file__).parent / 'backend/test/data/light/light_resnet50.onnx')")

# pip and pyright would ask the network for newer versions of themselves
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

.PHONY: demo test lint docs notebooks bench clean

demo: $(INSTALLED)
	@mkdir -p $(DEMO)
	$(BIN)/archsim run "$(RESNET50)" --on systolic-128 --bits w8a8 --report $(DEMO)/resnet50.html \
		--json $(DEMO)/resnet50.json --csv $(DEMO)/resnet50.csv --timeline $(DEMO)/resnet50.trace.json
	@echo
	@echo "Open $(CURDIR)/$(DEMO)/resnet50.html in a browser; the timeline opens in ui.perfetto.dev."

test: lint
	$(BIN)/pytest -n $(WORKERS) --dist loadscope

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open $(CURDIR)/build/site/index.html in a browser."

notebooks: $(INSTALLED)
	cd notebooks && ../$(BIN)/jupyter execute --inplace *.ipynb

bench: $(INSTALLED)
	@for script in $$(grep -l __main__ benchmarks/*.py); do \
		echo "== $$script"; $(BIN)/python $$script || exit 1; \
	done

clean:
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis
	find archsim tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c "import sys; sys.version_info >= (3, 11) or sys.exit( \
		'archsim needs Python 3.11 or later, and $(PYTHON) is ' + sys.version.split()[0] \
		+ '; name another one: make PYTHON=python3.12')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@
