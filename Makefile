# Every target is a line or two that one can type as well. PYTHON chooses the interpreter that .venv
# is made with, ARGS is handed on to the command.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-fast test-live lint docs screenshots constraints pins benchmark clean

demo: .venv/demo.installed
	$(BIN)/meta-orch demo $(ARGS)

# One after the other; with `-j` beside each other. What is niced then leaves the processor to the
# live tests, which are the longest.
test: lint test-fast test-live

test-fast: .venv/dev.installed
	nice $(BIN)/python -m pytest -n 2 -m "not live and not browser" $(ARGS)

test-live: .venv/dev.installed
	.ci/install_programs
	$(BIN)/python -m pytest -m "live or browser" $(ARGS)

lint: .venv/dev.installed
	nice $(BIN)/ruff check
	nice $(BIN)/ruff format --check
	nice $(BIN)/pyright --pythonpath $(BIN)/python
	nice $(BIN)/lint-imports

# Writes again what the code says of itself.
docs: .venv/dev.installed
	$(BIN)/python -m meta_orch.cli.reference > docs/cli.md
	$(BIN)/meta-orch schema > docs/meta_orch.schema.json

# The README's pictures, made by the browser tests.
screenshots: .venv/dev.installed
	META_ORCH_SCREENSHOTS=docs/images $(BIN)/python -m pytest meta_orch_tests/browser

# The newest versions that go together, for every interpreter that the project is for.
constraints: .venv/dev.installed
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --no-header --no-annotate --no-emit-index-url --quiet --output-file constraints.txt

# The same for the servers that the demonstration and the tests install.
pins: .venv/dev.installed
	$(BIN)/python -m meta_orch.demo.environments

benchmark: .venv/dev.installed
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf .venv build dist *.egg-info

.venv/%.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[$*]'
	touch $@
