# make demo: the main job on recorded traffic. make test: all tests. Both need git, make and python3 with venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test fuzz live pins check bench soak kills lake scale docs report-js screenshots clean

.venv/ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: .venv/ready
	rm -rf demo
	$(BIN)/sneeuwbal --study fixtures/recording replay fixtures/recording/archive --into demo --no-report
	$(BIN)/python -m fixtures.survey demo
	$(BIN)/sneeuwbal --study demo import survey demo/survey.csv --codebook demo/survey-codebook.csv
	$(BIN)/sneeuwbal --study demo report

# Where Python is kept from writing bytecode, each of a thousand processes would compile everything again, and pytest
# rewrite every assertion.
test: .venv/ready
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Every parser for SNEEUWBAL_FUZZ seconds, and each property of strangers' data with 10,000 examples.
GENERATORS := $(patsubst %,tests/test_%.py,lenient link_header jsonld times files_csv files_tables files_addresses \
	files_damage files_people hashtags scheduler crawl coverage_answers coverage_reading)
fuzz: .venv/ready
	SNEEUWBAL_FUZZ=300 $(BIN)/python -m pytest tests/test_fuzz.py $(GENERATORS) -s

live: .venv/ready
	PYTHON=$(CURDIR)/$(BIN)/python tests/live/run.sh

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

bench: .venv/ready build/lake
	$(BIN)/python -m benchmarks

soak: .venv/ready
	$(BIN)/python -m tests.soak 30 15 30

# A hundred SIGKILLs over whole studies: nothing lost, nothing doubled.
kills: .venv/ready
	$(BIN)/python -m tests.kills 100

# Tables in DuckLake, with the newest DuckDB for which its extensions are packaged; `make test` leaves them out.
lake: build/lake
	PYTHONPATH=build/lake $(BIN)/python -m pytest -n 2 tests/test_lake.py

build/lake: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target build/lake \
		duckdb==1.5.5 duckdb-extensions==1.5.5 duckdb-extension-ducklake==1.5.5 \
		duckdb-extension-postgres-scanner==1.5.5 duckdb-extension-httpfs==1.5.5
	touch $@

# Four machines collect the simulated world through PostgreSQL and S3, with SIGKILLs of machines and servers; then a
# thousand loads into DuckLake with readers attached.
scale: .venv/ready build/lake
	$(BIN)/python -m tests.scale 12
	PYTHONPATH=build/lake $(BIN)/python -m tests.attached 1000

docs: .venv/ready
	$(BIN)/python -m docs.generate

# requirements.txt anew from pyproject.toml, with the hash of every file of each release; what is pinned stays, unless
# it is named: make pins UPGRADE="--upgrade-package httpx". Needs uv.
pins:
	uv pip compile pyproject.toml --extra dask --extra dev --extra dossier --extra excel --extra keyring --extra linkage \
		--extra pages --extra postgres --extra s3 --extra serve --extra survey --universal \
		--python-version 3.11 --generate-hashes --no-header --no-annotate --quiet $(UPGRADE) --output-file requirements.txt

# The report's script, from its sources: needs Node and npm, which users do not.
report-js:
	cd analysis/report/js && npm ci --ignore-scripts --no-audit --no-fund && node build.mjs

# Every section of the demo's report as pictures in docs/images/report: needs Chromium.
screenshots: .venv/ready
	$(BIN)/python -m tests.screenshots

clean:
	rm -rf .venv demo
