# The commands of work. Each installs what it needs into .venv by itself and is quick when nothing changed.
PY := .venv/bin/python
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: soak-decisions help setup demo demo-reset test lint format types imports migrations check train-text train-speech train-vision evaluate-text evaluate-starters bench
MAKEFLAGS += --no-print-directory

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv with everything pinned, for work on Gatehouse
	@tools/setup.sh dev

demo: ## start everything, filled with demo content; Ctrl-C stops it, a second start keeps its data
	@tools/setup.sh run && exec $(PY) -m console.demo.start

demo-reset: ## stop the demo if it runs and forget all of its data
	@tools/setup.sh run && exec $(PY) -m console.demo.start --reset

test: ## the whole test suite; ARGS="-k name" for a part of it
	@tools/setup.sh dev && tools/chromium.sh && $(PY) -m pytest -n 2 $(ARGS)

lint: ## ruff and djade; `make format` repairs what they can repair
	@tools/setup.sh dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	git ls-files -z 'templates/*.html' | xargs -0 -r .venv/bin/djade --target-version 5.2 --check

format: ## let ruff and djade rewrite
	@tools/setup.sh dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	git ls-files -z 'templates/*.html' | xargs -0 -r .venv/bin/djade --target-version 5.2

types: ## mypy, strict
	@tools/setup.sh dev
	ENVIRONMENT=test $(PY) -m mypy .

imports: ## who may import whom
	@tools/setup.sh dev
	.venv/bin/lint-imports

migrations: ## every change of a model has its migration
	@tools/setup.sh dev
	ENVIRONMENT=test $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

check: lint types imports migrations test ## all that CI runs

train-text: ## train, calibrate and measure the text classifier anew (hours on two cores); DATA=folder of public sets
	@tools/setup.sh train && GATEHOUSE_DATA=$(or $(DATA),../shared/data) tools/train_text.sh

train-vision: ## draw scenes and train the starter vision model anew (half an hour on one core)
	@tools/setup.sh run && $(PY) -m training.vision.train

evaluate-text: ## the shipped classifier's report on held-out sources, into docs/models/text
	@tools/setup.sh train && GATEHOUSE_DATA=$(or $(DATA),../shared/data) $(PY) -m training.report

train-speech: ## make the starter Whisper anew: sounds, training, export, scores (needs espeak-ng; its third phase wants a GPU)
	@tools/setup.sh train && tools/train_speech.sh

evaluate-starters: ## what the shipped starter models score; the speech half needs espeak-ng
	@tools/setup.sh train && $(PY) -m training.evaluate_starters $(if $(ONLY),--only $(ONLY))

soak-decisions: ## 5,000 random sequences against the oracle, with a worker beside them that never rests (hours)
	@tools/setup.sh dev && SOAK_SEQUENCES=$(or $(N),5000) SOAK_WRITERS=1 $(PY) -m pytest -n 2 tests/standing/test_what_stands.py $(ARGS)

bench: ## measured speed, into var/bench.json; ONLY=name for one of them
	@tools/setup.sh dev && $(PY) -m benchmarks.run $(if $(ONLY),--only $(ONLY))
