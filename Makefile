# SPDX-License-Identifier: GPL-2.0-or-later

MAKEFLAGS += --no-builtin-rules --no-print-directory
# Where Python may not keep compiled modules, each start compiles them all anew: half a second.
unexport PYTHONDONTWRITEBYTECODE

# The machine to run, and its CPU: e500v2 or e500mc
MACHINE ?= ppce500
CPU ?= e500v2
# How long to damage device trees, and how many to generate
FUZZ_SECONDS ?= 60
FUZZ_TREES ?= 5000
# Which test suites of the kernel to run; all if empty
SUITES ?=
# Further arguments of the commands behind "run" and "test"
RUN_ARGS ?=
PYTEST_ARGS ?=

PYTHON := .venv/bin/python
SETUP := .venv/.complete

.PHONY: help run test suites fuzz-state fuzz-dt check bench docs fidelity patches kernel clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(SETUP) ## Boot the guest on this terminal (MACHINE=, CPU=, RUN_ARGS=)
	@.venv/bin/paradrive run --machine $(MACHINE) --cpu $(CPU) $(RUN_ARGS)

test: kernel ## Run the test suite (PYTEST_ARGS=)
	@$(PYTHON) -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

suites: $(SETUP) ## Run the kernel's own test suites here and on QEMU (SUITES=); writes build/suites.json
	@$(if $(findstring 6.1,$(or $(SUITES),6.1)),tools/setup.sh linux-source-6.1)
	@$(PYTHON) -m paradrive_dev.suites $(SUITES)

fuzz-state: $(SETUP) ## Load 10,000 damaged and forged files of saved guests
	@$(PYTHON) -m paradrive_dev.fuzz_state

fuzz-dt: kernel ## Damage device trees (FUZZ_SECONDS=), boot generated ones (FUZZ_TREES=); writes build/agreement.json
	@$(PYTHON) -m paradrive_dev.fuzz_blobs --seconds $(FUZZ_SECONDS)
	@$(PYTHON) -m paradrive_dev.agreement --count $(FUZZ_TREES)

check: kernel ## Check the sources: Python, driver, device trees, bindings
	@$(PYTHON) -m paradrive_dev.source_checks $(CPU)

bench: $(SETUP) ## Measure against QEMU; writes build/bench.json
	@$(PYTHON) -m paradrive_dev.bench

docs: $(SETUP) ## Write docs/devices.md from the register maps
	@$(PYTHON) -m paradrive_dev.device_docs

fidelity: $(SETUP) ## Compare every user-mode instruction with QEMU; writes build/fidelity.json
	@$(PYTHON) -m paradrive_dev.fidelity

patches: $(SETUP) ## Make the series for Linux, apply and build it; writes build/patches
	@$(PYTHON) -m paradrive_dev.patches

kernel: $(SETUP) ## Build what the guest boots: kernel, driver, initramfs, device tree (CPU=)
	@$(PYTHON) -m paradrive_tools.guest_build $(CPU)

clean: ## Remove what was built here; the shared cache of kernels stays
	rm -rf build .mypy_cache .pytest_cache .ruff_cache

$(SETUP): tools/setup.sh requirements.txt pyproject.toml
	@tools/setup.sh
	@touch $@
