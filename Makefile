# Everything a developer or a first visitor types. Needs Python 3.11 or newer and make, nothing else.

MAKEFLAGS += --no-print-directory
VENV_PYTHON := .venv/bin/python
# Each process has a database and, where it needs one, a portal of its own; see tests/spreading.py.
EVERY_CORE := -n logical --maxprocesses 4 --dist loadgroup
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header

.PHONY: help demo stop reset test test-all moments chaos bench lint pictures requirements .install .install-test

help:
	@echo "make demo          try Waybill: everything on this machine, with invented data"
	@echo "make stop          stop a running demo"
	@echo "make reset         remove the demo's database, keys and files"
	@echo "make test          run the tests; make test-all adds the long ones"
	@echo "make moments       run the tests that depend on the clock at a dozen other moments"
	@echo "make chaos         kill everything at random for MINUTES=5, and prove that nothing is lost"
	@echo "make lint          check style, types and the order of imports"
	@echo "make bench         measure what docs/speed.md says"
	@echo "make pictures      take the pictures of the documents anew"
	@echo "make requirements  pin the newest packages that pyproject.toml allows"

# The portal stops when make is gone, however make went: launch.py ties it to its parent.
demo: .install
	@exec $(VENV_PYTHON) -I -S config/launch.py $$PPID 15 same "$$(pwd)/$(VENV_PYTHON)" manage.py up --demo

stop: .install
	@$(VENV_PYTHON) -m config.control stop

reset: .install
	@$(VENV_PYTHON) -m config.control reset

test: .install-test
	@$(VENV_PYTHON) -m pytest -q $(EVERY_CORE) -m "not long"

test-all: .install-test
	@$(VENV_PYTHON) -m pytest -q $(EVERY_CORE)

moments: .install-test
	@$(VENV_PYTHON) -m tests.moments

chaos: .install-test
	@$(VENV_PYTHON) -m tests.faults.chaos --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED))

bench: .install-test
	@$(VENV_PYTHON) bench/run.py

lint: .install-test
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .
	@$(VENV_PYTHON) -m mypy .
	@.venv/bin/lint-imports --no-logo --no-cache

pictures: .install-test
	@$(VENV_PYTHON) -m docs.pictures.make $(ADDRESS)

requirements:
	@command -v uv >/dev/null || { echo "uv is missing: pip install uv"; exit 1; }
	$(COMPILE) --extra demo pyproject.toml -o requirements.txt
	$(COMPILE) --extra demo --extra test pyproject.toml -o requirements-test.txt -c requirements.txt

.install:
	@$(call install,requirements.txt)

.install-test:
	@$(call install,requirements-test.txt)

# Take the first Python that is new enough and can make virtual environments; else say what is lacking.
define install
seen=; \
for python in $${PYTHON:+"$$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do \
  version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { seen="$$seen $$version"; continue; }; \
  "$$python" -c 'import ensurepip, venv' 2>/dev/null || { lacking=$$version; continue; }; \
  exec "$$python" -I config/install.py $(1); \
done; \
if [ -n "$${lacking:-}" ]; then \
  echo "Python $$lacking is here without its venv module: apt-get install python$$lacking-venv"; \
else \
  echo "Waybill needs Python 3.11 or newer; found:$${seen:- none}. Name one with PYTHON=/path/to/python3."; \
fi; \
exit 1
endef
