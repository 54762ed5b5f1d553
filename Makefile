# Podarium. `make` alone explains the targets; every target installs what it lacks.
.DEFAULT_GOAL := help
.PHONY: help serve test compare check dist bench setup

help: ## this text
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: ## build the page and serve it on 127.0.0.1:8080, rebuilding on change
	@scripts/serve.sh

test: ## everything: native tests, the wasm build, the page in a real browser
	@scripts/test.sh

compare: ## the same seed and commands, natively and in wasm under Node: the same bytes
	@scripts/setup.sh rust page
	@tests/wasm/compare.sh

check: ## the inner loop: format, clippy on both targets, native tests; says what it cost
	@scripts/check.sh

dist: ## the release page in dist/, working from any sub-path
	@scripts/dist.sh

bench: ## how fast the laboratory runs, natively and in wasm under Node
	@scripts/bench.sh

setup: ## only install what is missing
	@scripts/setup.sh rust page browser
