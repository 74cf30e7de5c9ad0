PYTHON ?= python3
BIN := .venv/bin
CORES ?= 2
CONFIG ?= config/paper.yaml
DATA_DIR ?= data
RULES := $(sort $(foreach file,$(wildcard */*.smk */*/*/*.smk),$(firstword $(subst /, ,$(file)))))

.PHONY: published findings release help demo measurements new-method method-pages cost rates restore test lint bench celeba celeba-gpu-pack celeba-gpu lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: .venv/ready  ## the quick benchmark on real digits: minutes, no download but packages
	$(BIN)/snakemake --cores $(CORES) --configfile config/quick.yaml

measurements: .venv/ready  ## what a method elsewhere needs to be scored here, in results/…/handout: make measurements CONFIG=config/quick.yaml
	$(BIN)/snakemake measurements --cores $(CORES) --configfile $(CONFIG)

new-method: KIND ?= classical
new-method: .venv/ready  ## a method to start from, methods/NAME, and its page: make new-method NAME=mine KIND=learned (or classical)
	$(BIN)/python -m methods.new $(NAME) --kind $(KIND)
	$(BIN)/python -m config.method_pages

method-pages: .venv/ready  ## docs/methods and the README's list once more, from docstrings, rules, method.yaml and rates
	$(BIN)/python -m config.method_pages

cost: .venv/ready  ## what a run will cost on this machine: make cost CONFIG=config/paper.yaml CORES=8
	$(BIN)/python -m config.cost --configfile $(CONFIG) --cores $(CORES)

rates: export CUDA_VISIBLE_DEVICES =
rates: export OMP_NUM_THREADS = 1
rates: .venv/ready  ## measure benchmarks/rates.csv again, by which `make cost` reckons: half an hour of one core
	$(BIN)/python -m benchmarks.rates

restore: .venv/ready  ## restore pictures with a trained model: IN=picture-or-folder OUT=folder MODEL=model.pt [SAMPLES=8] [FORCE=1]
	@test -n "$(IN)" -a -n "$(OUT)" -a -n "$(MODEL)" || { echo "say make restore IN=pictures OUT=folder MODEL=results/…/model.pt"; exit 2; }
	$(BIN)/python -m pictures.restore --model "$(MODEL)" "$(IN)" "$(OUT)" $(if $(SAMPLES),--samples $(SAMPLES)) $(if $(FORCE),--force)

test: .venv/ready  ## the tests: minutes
	$(BIN)/python -m pytest -q -n $(CORES) --dist loadfile --no-loadscope-reorder

lint: .venv/ready  ## style and the workflow's own checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile $(RULES)
	$(BIN)/snakemake --lint
	$(BIN)/snakemake --lint --configfile config/quick.yaml

bench: export OMP_NUM_THREADS = 1
bench: .venv/ready .venv/bench-ready  ## the speed of training and restoring beside other software: minutes (benchmarks/README.md)
	$(BIN)/python -m benchmarks.roofline
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.search
	$(BIN)/python -m benchmarks.restoration
	$(BIN)/python -m benchmarks.roofline --shape celeba --batch 16 --steps 1 --repetitions 3
	$(BIN)/python -m benchmarks.training --shape celeba --batch 16 --steps 1 --repetitions 3
	$(BIN)/python -m benchmarks.search --shape celeba --images 16 --steps 10 --repetitions 3

celeba: .venv/ready  ## download CelebA to DATA_DIR (data)
	$(BIN)/python -m datasets.obtain celeba --data-dir $(DATA_DIR)

celeba-gpu-pack: .venv/ready  ## gpu/, for `make celeba-gpu` on another machine: the faces of DATA_DIR and the jobs (60 MB)
	$(BIN)/python -m datasets.pack celeba --data-dir $(DATA_DIR) --output gpu/celeba/celeba_64.zip
	$(BIN)/python -m remote.plan --configfile config/celeba.yaml --config data_dir=gpu --output gpu/jobs.json

celeba-gpu:  ## there: every learned method on CelebA; needs a GPU, PyTorch and this folder with gpu/, no network, no Snakemake
	$(PYTHON) -m remote.run gpu/jobs.json --cores $(shell nproc)

published: PUBLISH = $(BIN)/snakemake published --cores $(CORES) --forcerun $(addprefix published_,table mse_time pareto learning posterior)
published: .venv/ready  ## the published tables and figures once more, from the published scores, and docs/findings.md: two minutes
	$(PUBLISH) --config results=reports/published/default
	$(PUBLISH) --configfile config/more_measurements.yaml --config results=reports/published/more_measurements
	for on in "" $(patsubst reports/published/switches/protocol_%,%,$(wildcard reports/published/switches/protocol_*)); do \
		$(PUBLISH) --configfile config/switches.yaml --config results=reports/published/switches "protocol=[$$on]" || exit; \
	done
	$(BIN)/python -m reports.findings

findings: .venv/ready  ## docs/findings.md once more, from its template and the published results
	$(BIN)/python -m reports.findings

release: RECOMMENDED ?= ambient_sampler
release: .venv/ready .venv/release-ready  ## scores, restorations, weights, cards of a finished run in release/, for an archive: make release CONFIG=…
	$(BIN)/python -m publish.pack --configfile "$(CONFIG)" --recommended "$(RECOMMENDED)" $(if $(RESULTS),--results $(RESULTS))

lock: LOCK = uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
lock:  ## pin what requirements.in asks for in requirements.txt (needs uv)
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) --no-deps --constraint requirements.txt benchmarks/requirements.in -o benchmarks/requirements.txt
	$(LOCK) --no-deps --constraint requirements.txt publish/requirements.in -o publish/requirements.txt

clean:  ## delete caches and the demo's results; other results and unfinished trainings stay
	rm -rf results/quick .pytest_cache .ruff_cache
	find . \( -path ./.venv -o -path ./.git -o -path ./data -o -path ./gpu \) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "deleted: caches and results/quick; kept: other results, unfinished trainings (.cache/checkpoints), .venv, data and gpu"

.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; try make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/bench-ready: benchmarks/requirements.txt .venv/ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $< && touch $@ \
		|| echo "make bench: $< could not be installed; deepinv is left out"

.venv/release-ready: publish/requirements.txt .venv/ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $< && touch $@ \
		|| echo "make release: $< could not be installed; croissant.json is not read by mlcroissant"
