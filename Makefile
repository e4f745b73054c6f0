# The only tools needed are make and Python 3.11 or later.
PYTHON ?= python3
# Another folder for another Python: `make test VENV=.venv-3.13 PYTHON=python3.13`.
VENV ?= .venv
BIN := $(VENV)/bin
# One BLAS thread per fit: small networks get slower with more.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: demo test quick test-full test-oldest coverage lint cases tables bench bench-credit clean

demo: $(VENV)/core  ## run both example jobs and print where the reports are
	$(BIN)/finnet run finnet/jobs/examples/direction.toml
	$(BIN)/finnet run finnet/jobs/examples/default-risk.toml

test: $(VENV)/test lint  ## what CI runs: lint, types, tests and doctests
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not full"

quick: $(VENV)/test  ## the tests that train next to nothing
	$(BIN)/python -m pytest -q -n 2 -m "not full" tests/test_architecture.py tests/test_checks.py tests/test_dataset.py \
		tests/test_forecasts.py tests/test_fitting.py tests/backtest tests/features tests/lending finnet/network \
		finnet/evaluation finnet/data

test-full: $(VENV)/test lint  ## the long grids and campaigns too
	$(BIN)/python -m pytest -q -n 2

test-oldest: .venv-oldest/test  ## all but the long tests on the oldest versions that pyproject.toml allows; needs Python 3.11
	.venv-oldest/bin/python -m pytest -q -n 2 --dist worksteal -m "not full"

coverage: $(VENV)/test  ## the lines of finnet that the tests reach; fails below the floor in pyproject.toml
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not full" --cov --cov-report term

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy finnet

cases: $(VENV)/test  ## small inputs from outside, where they are there: right or wrong for each
	$(BIN)/python -m tests.cases $(or $(FINNET_SHARED),../shared)

tables: $(VENV)/test  ## gradients, scikit-learn's checks and attacks on runs, in numbers; a quarter of an hour
	$(BIN)/python -m tests.network.gradient_table
	$(BIN)/python -m tests.estimators.check_table
	$(BIN)/python -m tests.jobs.fault_table

bench: $(VENV)/core  ## side by side with peers, as ratios; PyTorch and JAX too where they are installed
	for file in $(filter-out %/bench_credit.py,$(wildcard tests/benchmarks/bench_*.py)); do \
		$(BIN)/python $$file || exit 1; done

bench-credit: $(VENV)/core  ## the default-risk classifier on real loans, where CREDIT_DATA has them; hours
	$(BIN)/python tests/benchmarks/bench_credit.py

$(VENV)/core: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/test: pyproject.toml | $(VENV)/core
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

.venv-oldest/test: pyproject.toml tests/oldest.py
	python3.11 -m venv .venv-oldest
	.venv-oldest/bin/python tests/oldest.py > .venv-oldest/pins.txt
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint .venv-oldest/pins.txt --editable '.[test]'
	touch $@

clean:
	rm -rf .venv .venv-* .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
