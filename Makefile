# Every target sets itself up: python3 (3.11 or newer), make and a C compiler are all that must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVERS := $(or $(NOCWATCH_SERVERS),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/nocwatch/servers)
STAMP := $(VENV)/.installed

.PHONY: help run setup test servers lint bench soak autobahn fuzz docs lock clean
.DEFAULT_GOAL := help

help:
	@echo "make run                        the demo: a charging network works, breaks and is noticed; console on http://127.0.0.1:8480"
	@echo "make run UPSTREAM=ws://csms:80  nocwatch before a real CSMS; point the chargers at port 9000"
	@echo "make run CONSOLE=127.0.0.1:8580 RUN='--set relay.status=127.0.0.1:9565'  other addresses, any option"
	@echo "make test                       all tests; those of real servers where they are installed (make servers)"
	@echo "make setup | lint | servers | bench | soak | autobahn | fuzz | docs | lock"

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "nocwatch needs Python 3.11 or newer; $$($(PYTHON) --version) is what '$(PYTHON)' is. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup
ifdef UPSTREAM
	$(BIN)/nocwatch run --upstream $(UPSTREAM) $(if $(CONSOLE),--set console.listen=$(CONSOLE)) $(RUN)
else
	$(BIN)/nocwatch demo $(if $(CONSOLE),--set console.listen=$(CONSOLE)) $(RUN)
endif

test: setup
	NOCWATCH_SERVERS=$(SERVERS) $(BIN)/pytest -n 2 --dist loadgroup $(TESTS)

servers:
	sh tools/servers/influxdb1.sh $(SERVERS)
	sh tools/servers/influxdb2.sh $(SERVERS)
	sh tools/servers/debian.sh prometheus=prometheus promtool=prometheus prometheus-alertmanager=prometheus-alertmanager nginx=nginx-light /usr/lib/nginx/modules/ngx_stream_module.so=libnginx-mod-stream haproxy=haproxy curl=curl chromium=chromium

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(MAKE) -C bench bin
	$(BIN)/python bench/run.py $(BENCH)

soak: setup
	NOCWATCH_SERVERS=$(SERVERS) $(BIN)/pytest -m soak -o faulthandler_timeout=0 -s tests/soak

autobahn: setup
	$(BIN)/pytest -m autobahn -s -o faulthandler_timeout=0 tests/integration/test_autobahn.py

fuzz: setup
	@test -d $(VENV)/fuzz/atheris || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(VENV)/fuzz -r tests/fuzz/requirements.txt
	PYTHONPATH=$(VENV)/fuzz $(BIN)/python -m tests.fuzz.run

docs: setup
	$(BIN)/python -m nocwatch.detectors.manual > docs/detectors.md
	$(BIN)/python grafana/build.py

lock:
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet pyproject.toml --extra grafana --group dev -o requirements.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/bin
