# demo         simulate registers of the published size, fit a model, write the brief
# test         check, then all tests but the slow ones
# slow         the slow tests
# check        style, types, docstrings, dependencies
# constraints  pin the newest set of packages that resolves
# clean        remove the environment and the caches; runs/ stays
.PHONY: demo test slow check constraints clean

BIN = .venv/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check
READY = .venv/.ready
SIMULATED = runs/registers
RUN = runs/oslo2016

# A run that does not pass the gate (exit code 4) still gets its brief, with a banner.
demo: $(READY)
	rm -rf $(SIMULATED) $(RUN) $(RUN).nb.html $(RUN).en.html
	$(BIN)/hazard simulate --size published --seed 1 --out $(SIMULATED)
	$(BIN)/hazard check $(SIMULATED)
	$(BIN)/hazard run oslo2016 --registers $(SIMULATED) --out $(RUN) --seed 1 || [ $$? -eq 4 ]
	$(BIN)/hazard brief $(RUN) --lang nb --out $(RUN).nb.html
	$(BIN)/hazard brief $(RUN) --lang en --out $(RUN).en.html
	@echo $(RUN).nb.html

test: check
	$(BIN)/pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

slow: $(READY)
	$(BIN)/pytest -m slow

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/numpydoc lint $$(find hazard -name '*.py')
	$(BIN)/deptry --no-ansi hazard

# The environment is made once, and brought up to date when the two files change.
$(READY): pyproject.toml constraints.txt
	@$(PIP) --version >/dev/null 2>&1 || scripts/venv.sh .venv
	@echo "Installing the pinned packages into .venv; the first time takes minutes."
	@$(PIP) install --quiet --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

constraints:
	scripts/venv.sh .venv
	$(PIP) install --quiet --quiet --editable '.[dev]'
	@{ echo "# The environment of the tests, by \`make constraints\`: pip freeze of a fresh .venv"; \
	   echo "# with the newest packages that pyproject.toml allows. Not edited by hand."; \
	   $(PIP) freeze --exclude-editable; } > constraints.new
	mv constraints.new constraints.txt
	@touch $(READY)

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
	find hazard tests -name __pycache__ -prune -exec rm -rf {} +
