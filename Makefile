# make help lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup up test test-failed test-fast compose-test lint types bench storm campaign doctor lock clean

UP_FLAGS := $(if $(FREE_PORTS),--free-ports) $(if $(VAR),--var $(VAR))
WORKERS ?= 9
comma := ,
STORM_WORSE := kills=2,freezes=1,routing=12,phones=3
STORM_AHEAD := calls=12,commands=700,agents=20,phones=2,kills=2,ahead=20

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: ## install what running needs (Debian and Python packages)
	@scripts/setup run

up: setup ## run a whole centre in front; FREE_PORTS=1 takes any free ports, VAR=folder another folder
	@exec .venv/bin/cti up $(UP_FLAGS)

setup-test:
	@scripts/setup test
	@.venv/bin/cti pbx install

test: setup-test ## run all tests
	@.venv/bin/pytest -q -n $(WORKERS) --dist loadfile

test-failed: setup-test ## run what failed last time once more, one at a time
	@.venv/bin/pytest -q --last-failed --last-failed-no-failures none

test-fast: setup-test ## run the tests that need neither Asterisk nor a browser
	@.venv/bin/pytest -q -n $(WORKERS) --dist loadfile tests/unit tests/contract

compose-test: setup-test ## build the containers and try them for real; needs a docker engine
	@docker info >/dev/null 2>&1 || { echo "no docker engine answers; start one, then again" >&2; exit 1; }
	@CTI_COMPOSE_TEST=1 .venv/bin/pytest -q -s tests/integration/test_compose.py

lint: setup ## ruff and the import rules
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/lint-imports

types: setup ## mypy strict
	@.venv/bin/mypy

storm: setup-test ## 60 calls at once and 2,000 commands by chance on a real Asterisk; SEED=number repeats one, WORSE=1 kills servers, AHEAD=1 rings ahead
	@CTI_STORM=calls=60,commands=2000,seed=$(or $(SEED),$(shell date +%s))$(if $(WORSE),$(comma)$(STORM_WORSE))$(if $(AHEAD),$(comma)$(STORM_AHEAD)) \
	  .venv/bin/pytest -q -s --timeout 1800 tests/integration/test_storm.py

campaign: setup-test ## 800 calls of a predictive campaign, 12 agents, on a real Asterisk: is the abandon cap kept? SEED=number
	@CTI_CAMPAIGN=agents=12,calls=800,cap=3,seed=$(or $(SEED),$(shell date +%s)) .venv/bin/pytest -q -s \
	  --timeout 3600 tests/integration/test_campaign_pacing.py

bench: setup-test ## run the benchmarks and write docs/benchmarks.md
	@.venv/bin/python -m tests.bench

doctor: setup ## check everything a server needs
	@.venv/bin/cti doctor

lock: setup ## pin the newest allowed versions in requirements.lock (no index address is written)
	@.cache/uv/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --upgrade \
	  --python-version 3.11 pyproject.toml --group dev -o requirements.lock

clean: ## delete data, logs, caches and the installed Asterisk
	@rm -rf var .cache .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
