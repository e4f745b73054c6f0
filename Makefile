# The only tools needed are make and Python 3.11 or later.
PYTHON ?= python3
BIN := .venv/bin
# One BLAS thread per fit: small networks get slower with more.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: demo test quick test-full lint cases tables bench bench-credit clean

demo: .venv/core  ## run both example jobs and print where the reports are
	$(BIN)/finnet run finnet/jobs/examples/direction.toml
	$(BIN)/finnet run finnet/jobs/examples/default-risk.toml

test: .venv/test lint  ## what CI runs: lint, types, tests and doctests
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not full"

quick: .venv/test  ## the tests that train next to nothing
	$(BIN)/python -m pytest -q -n 2 -m "not full" tests/test_architecture.py tests/test_checks.py tests/test_dataset.py \
		tests/test_forecasts.py tests/test_fitting.py tests/backtest tests/features tests/lending finnet/network \
		finnet/evaluation finnet/data

test-full: .venv/test lint  ## the long grids and campaigns too
	$(BIN)/python -m pytest -q -n 2

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy finnet

cases: .venv/test  ## small inputs from outside, where they are there: right or wrong for each
	$(BIN)/python -m tests.cases $(or $(FINNET_SHARED),../shared)

tables: .venv/test  ## gradients, scikit-learn's checks and attacks on runs, in numbers; a quarter of an hour
	$(BIN)/python -m tests.network.gradient_table
	$(BIN)/python -m tests.estimators.check_table
	$(BIN)/python -m tests.jobs.fault_table

bench: .venv/core  ## side by side with peers, as ratios; PyTorch and JAX too where they are installed
	for file in $(filter-out %/bench_credit.py,$(wildcard tests/benchmarks/bench_*.py)); do \
		$(BIN)/python $$file || exit 1; done

bench-credit: .venv/core  ## the default-risk classifier on real loans, where CREDIT_DATA has them; hours
	$(BIN)/python tests/benchmarks/bench_credit.py

.venv/core: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/test: pyproject.toml | .venv/core
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
