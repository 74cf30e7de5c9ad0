PYTHON ?= python3
BIN := .venv/bin
CORES ?= 2

.PHONY: demo test lint bench lock

demo: .venv/ready  ## the quick benchmark on real digits, minutes, no download but packages
	$(BIN)/snakemake --cores $(CORES) --configfile config/quick.yaml

test: .venv/ready  ## the tests
	$(BIN)/python -m pytest -q

lint: .venv/ready  ## style and the workflow's own checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile datasets measurements methods metrics reports
	$(BIN)/snakemake --lint
	$(BIN)/snakemake --lint --configfile config/quick.yaml

bench: .venv/ready  ## training speed, measured side by side
	$(BIN)/python -m benchmarks.training_speed

lock:  ## requirements.in -> requirements.txt (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		requirements.in -o requirements.txt

.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; try make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@
