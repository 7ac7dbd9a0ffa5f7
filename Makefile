# Every command does its own set-up. `make help` lists the commands.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

TOOLS := target/tools
# Python tools, pinned with hashes by tests/tools; two environments, since their dependencies disagree.
SAM := $(TOOLS)/sam/bin
export SAM_CLI_TELEMETRY := 0
CONTRACTS := $(TOOLS)/contracts/bin
OUTPUT ?= target/demo
FUNCTION ?= availability
STACK ?= jibri
HIT_RATE ?= 0.999
LEAD ?= 180
SEEDS ?= 10000
EVENT ?= events/$(FUNCTION).json
SECONDS_EACH = $(or $(SECONDS),60)
TARGET ?= $(basename $(notdir $(wildcard fuzz/targets/*.rs)))
CARGO_FUZZ := cargo-fuzz-0.13.2

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(TOOLS)/instance/installed ## Run a pool on a local cloud for three minutes, and write target/demo/index.html
	cargo build --workspace --bins
	target/debug/localcloud demo --functions target/debug --output $(OUTPUT)

test: $(TOOLS)/instance/installed $(TOOLS)/contracts/installed $(TOOLS)/sam/installed ## Run all tests, end to end included
	cargo build --workspace --bins
	rm -rf target/tmp/end-to-end
	cargo test --workspace
	python3 tests/planted/plant.py --check
	python3 -m unittest discover --start-directory tests/instance
	$(SAM)/python -m unittest discover --start-directory tests/template
	$(SAM)/python -m unittest discover --start-directory tests/permissions
	$(CONTRACTS)/python -m unittest discover --start-directory tests/contracts

build: $(TOOLS)/sam/installed ## Build the functions and the template for AWS, into .aws-sam/build
	PATH=$(abspath $(SAM)):$$PATH sam build

# Without link-time optimization: it takes a third of the build's time, and changes nothing that these checks look at.
check: export CARGO_PROFILE_RELEASE_LTO := off
check: $(TOOLS)/sam/installed $(TOOLS)/contracts/installed build ## Check formatting and lints, and deploy what is built to an AWS on loopback
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets -- --deny warnings
	$(SAM)/sam validate --lint --template template.yaml
	$(SAM)/cfn-lint template.yaml
	$(CONTRACTS)/python -m unittest discover --start-directory tests/deploy

template: ## Render template.yaml, after a change in stack/, in instance/, or in what the controller declares
	cargo run --quiet --package stack

deploy: $(TOOLS)/sam/installed ## Build the stack and deploy it into your AWS account
	PATH=$(abspath $(SAM)):$$PATH deploy/deploy.sh

teardown: ## Empty the pool of STACK=jibri, recording by recording, then delete the stack; the bucket stays
	deploy/teardown.sh $(STACK) $(if $(YES),--yes)

# Interesting input is kept in target/fuzz/corpus, and input that breaks a parser in target/fuzz/artifacts.
fuzz: $(TOOLS)/$(CARGO_FUZZ)/bin/cargo-fuzz ## Look for input that breaks a parser, SECONDS=60 for each, or TARGET=jicofo alone
	for target in $(TARGET); do \
		mkdir -p target/fuzz/corpus/$$target target/fuzz/artifacts/$$target; \
		PATH=$(abspath $(TOOLS))/$(CARGO_FUZZ)/bin:$$PATH cargo fuzz run --sanitizer none --target-dir target/fuzz/build \
			$$target target/fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=$(SECONDS_EACH) \
			-timeout=10 -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1 -artifact_prefix=target/fuzz/artifacts/$$target/; \
	done

$(TOOLS)/$(CARGO_FUZZ)/bin/cargo-fuzz:
	cargo install --quiet --locked --root $(TOOLS)/$(CARGO_FUZZ) --version $(CARGO_FUZZ:cargo-fuzz-%=%) cargo-fuzz

simulate: ## Compare policies on TRACE=demand.csv or on made-up demand, and write target/compare/index.html
	mkdir -p target/compare
	cargo run --release --package simulator -- compare $(if $(TRACE),--trace $(TRACE)) \
		--hit-rate $(HIT_RATE) --lead-seconds $(LEAD) --page target/compare/index.html

faults: ## Simulate 10,000 days of faults (SEEDS=…); an invariant that breaks is printed with the command that replays it
	cargo run --release --package simulator -- faults --seeds $(SEEDS)

mutants: ## Plant each bug of tests/planted/bugs.toml, and check that the simulation of faults finds it
	python3 tests/planted/plant.py

bench: ## Measure a simulated month, a comparison, and one forecast
	cargo bench --package simulator --package compare --package forecast

cloud: $(TOOLS)/instance/installed ## Keep a local cloud running, for `make watch` and `make invoke`; FAULT=jicofo-away strikes after a minute
	cargo build --workspace --bin localcloud
	target/debug/localcloud serve $(if $(FAULT),--fault $(FAULT))

watch: $(TOOLS)/sam/installed ## Run the functions against the local cloud of `make cloud`
	set -a; source target/cloud/environment; $(SAM)/cargo-lambda lambda watch --ignore-changes --invoke-address 127.0.0.1

invoke: $(TOOLS)/sam/installed ## Invoke FUNCTION=availability|scale_in|drain|forecast with EVENT=events/….json
	$(SAM)/cargo-lambda lambda invoke $(FUNCTION) --invoke-address 127.0.0.1 --data-file $(EVENT)

$(TOOLS)/%/installed: tests/tools/%.txt
	rm -rf $(TOOLS)/$*
	python3 -m venv $(TOOLS)/$*
	$(TOOLS)/$*/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: --requirement $<
	touch $@

.PHONY: help demo test build check template deploy teardown fuzz simulate faults mutants bench cloud watch invoke
