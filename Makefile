# Everything is made below build/, with python3 and make alone. What Wine needs is told by the tests that skip.
PYTHON ?= python3
VENV := build/venv
BIN := $(VENV)/bin
COLLECTION := build/ansible_collections/rras/sstp
PARTS := galaxy.yml README.md CHANGELOG.md LICENSE requirements.txt meta plugins roles playbooks docs
WORKERS ?= 3

.PHONY: all demo test test-wine fuzz bench rules screenshots lint unit e2e collection clean

all: $(VENV)/done

$(VENV)/done: requirements.txt requirements-dev.txt
	@echo "Installing Python packages below build/, once ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@

# A peer that cannot be built leaves the rest to be tested; its tests then skip, and fail where CI is set.
$(VENV)/peers: $(VENV)/done requirements-peers.txt
	$(BIN)/pip install --quiet -r requirements-peers.txt && touch $@ || echo "The peers of requirements-peers.txt cannot be installed; see there."

# ansible-core wants a collection at .../ansible_collections/NAMESPACE/NAME.
collection:
	rm -rf $(COLLECTION)
	mkdir -p $(COLLECTION)
	cp -R $(PARTS) $(COLLECTION)

demo: all collection
	PYTHONPATH=tests $(BIN)/python -m demo

test: lint unit e2e

lint: all collection
	$(BIN)/ruff check .
	cd build && venv/bin/mypy --config-file ../pyproject.toml -p ansible_collections.rras.sstp.plugins.plugin_utils -p ansible_collections.rras.sstp.plugins.action
	MYPYPATH=tests:plugins $(BIN)/mypy -p lab -p demo -p bench
	$(BIN)/yamllint --strict .
	cd $(COLLECTION) && ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/build PATH="$(CURDIR)/$(BIN):$$PATH" ansible-lint --offline --profile production

# The slow tests lie side by side: whoever has nothing left takes some of them over.
unit: all $(VENV)/peers
	PYTHONPATH=tests $(BIN)/pytest -q -rs -n $(WORKERS) --dist worksteal tests/unit tests/lab_tests tests/peers

# Tests that share a fleet stay on one worker.
e2e: all
	$(BIN)/pytest -q -rs -n $(WORKERS) --dist loadgroup tests/e2e

# Each scenario under Wine, field by field and from end to end; `make test` has a choice of them.
test-wine: all
	SSTP_WINE=all PYTHONPATH=tests $(BIN)/pytest -q -rs -n $(WORKERS) --dist worksteal tests/lab_tests/test_parity.py
	SSTP_WINE=all $(BIN)/pytest -q -rs -n $(WORKERS) tests/e2e/test_scenarios.py -k on_wine

# A hundred thousand inputs for the SSTP client, none of them what a correct server says.
fuzz: all
	SSTP_FUZZ_EXAMPLES=100000 PYTHONPATH=tests $(BIN)/pytest -q -n 2 --dist worksteal --durations=5 tests/unit/plugin_utils/sstp/test_sstp_fuzz.py

# The comparisons: a table here, and docs/benchmarks.
bench: all
	PYTHONPATH=tests $(BIN)/python -m bench probe
	PYTHONPATH=tests $(BIN)/python -m bench report

# docs/rules.md, from the rules of the audit.
rules: all
	PYTHONPATH=tests $(BIN)/python -m rules_page

# The pictures of the report in docs/images, of a fleet that is made up; they need Debian's chromium and chromium-driver.
screenshots: all
	PYTHONPATH=tests $(BIN)/python -m screenshots

clean:
	rm -rf build
