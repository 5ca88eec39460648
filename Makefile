# The two commands are `make run` and `make test`; both set up whatever is missing. `make` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

WASM := wasm32-unknown-unknown
PLUGINS := target/$(WASM)/plugin
BUNDLED := attribute-map normalize redact roles scoping tutorial
DISAGREEMENTS := tests/conformance/install && target/conformance-tools/python/bin/python -B tests/conformance/disagreements.py
DATA ?= data
ARGS ?=

.PHONY: help run test test-all test-pooler plugins plugins-other conformance conformance-tools disagreements deploy-check image check bench bench-work bench-containment bench-mapping bench-credentials bench-erase bench-plugins bench-log soak fuzz lint circles advisories setup setup-rust setup-postgres setup-browser setup-faults build

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build plugins ## Serve on the embedded database with a demo tenant and a token (ARGS="--ephemeral --port 0 …")
	@target/debug/scimgate docs target/docs >/dev/null
	@target/debug/scimgate dev --data-dir $(DATA) --plugins $(PLUGINS) --docs target/docs $(ARGS)

build: setup-rust
	@echo "Building the gateway (six to twelve minutes the first time, on two cores) …"
	@cargo build --locked --package scimgate-cli

plugins: setup-rust ## Build the plugins and the test guests to WASM
	@cargo build --locked --quiet --profile plugin --target $(WASM) $(BUNDLED:%=-p %) -p hostile

plugins-other: ## Build the plugins and the test guests in TypeScript and Python
	@.config/build-plugins

test: setup-rust setup-postgres setup-browser setup-faults deploy-check conformance-tools plugins plugins-other ## Set up what is missing and run the tests, those of the server on PostgreSQL
	@cargo build --locked --workspace $(BUNDLED:%=--exclude %) --exclude hostile --all-targets
	@.config/run-fuzz --short
	@echo "Packing the tests' binary as an image …"
	@deploy/image/build target/debug/scimgate
	@SCIMGATE_TEST_POSTGRES="$$(.config/postgres url)" .config/run-tests
	@echo "Asking other SCIM libraries the same …"
	@$(DISAGREEMENTS) --check

test-all: ## Run the tests as CI does: those of the server on both databases
	@.ci/run

test-pooler: setup-rust setup-postgres setup-browser setup-faults conformance-tools plugins plugins-other ## Run the tests on PostgreSQL again, through PgBouncer in transaction mode
	@cargo build --locked --workspace $(BUNDLED:%=--exclude %) --exclude hostile --all-targets
	@SCIMGATE_TEST_POOLER=1 SCIMGATE_TEST_POSTGRES="$$(.config/postgres url)" .config/run-tests -E 'package(scimgate-tests) - test(embedded)'

conformance: setup-rust setup-postgres conformance-tools plugins ## Run the conformance clients of others against the gateway
	@cargo build --locked --package scimgate-cli
	@SCIMGATE_TEST_POSTGRES="$$(.config/postgres url)" .config/run-conformance

disagreements: build plugins ## Ask SCIM libraries of others the same, and write docs/disagreements.md (ARGS=--check only compares)
	@$(DISAGREEMENTS) $(ARGS)

conformance-tools:
	@tests/conformance/install

deploy-check: setup-rust ## Check the Dockerfile, the Helm chart and the documents
	@deploy/check/run

image: setup-rust setup-postgres plugins ## Build the image from this machine's files, without a registry, into target/image/scimgate.tar
	@deploy/image/build

check: setup-rust ## Check formatting, lints and unit tests, before each commit: two minutes once it is built
	@cargo fmt --all --check
	@cargo clippy --locked --quiet --workspace $(BUNDLED:%=--exclude %) --exclude hostile --all-targets -- -D warnings
	@cargo test --locked --quiet --workspace $(BUNDLED:%=--exclude %) --exclude hostile --lib --bins

lint: setup-rust ## Check formatting, lints, documentation and dependencies
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo fmt --manifest-path tests/fuzz/Cargo.toml --check
	cargo clippy --locked --manifest-path tests/fuzz/Cargo.toml -- -D warnings
	@# Alone, a crate has only the features that it asks for itself.
	@for crate in $$(cargo tree --locked --workspace --depth 0 --prefix none | sed -n 's/ v.*//p'); do \
	  echo "cargo check --locked --package $$crate"; cargo check --locked --package $$crate --quiet || exit 1; \
	done
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --workspace --quiet
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check bans licenses sources; \
	else echo "cargo-deny is not here (cargo install --locked cargo-deny); its checks were left out"; fi

circles: setup-rust ## Print the circles of imports of every crate
	@cargo test --locked --quiet --package scimgate-tests --test it -- --exact floors::circles::table --nocapture

advisories: ## Check the dependencies against the published advisories (needs the network)
	cargo deny --locked check advisories

fuzz: setup-rust ## Fuzz the protocol for hours and write docs/fuzzing.md (ARGS="--seconds 600 --at-once 1 …")
	@.config/run-fuzz $(ARGS)

bench: setup-rust setup-postgres plugins ## Measure the gateway beside a bare handler and a floor and write docs/benchmarks.md (ARGS="--seconds 1 --only create,get …")
	@cargo build --locked --release --no-default-features --package scimgate-cli --package scimgate-bench
	@.config/run-bench $(ARGS)

bench-work: setup-rust plugins ## Count what a create allocates and executes, without network and database
	@cargo bench --locked --quiet --package scimgate --no-default-features --bench work

bench-containment: setup-rust setup-postgres plugins ## Measure what a hostile plugin, and a hostile tenant, cost the others and write the pages
	@cargo bench --locked --quiet --package scimgate-tests --bench containment | tee docs/containment.md
	@cargo build --locked --release --no-default-features --package scimgate-cli
	@SCIMGATE_BIN=target/release/scimgate SCIMGATE_TEST_POSTGRES="$$(.config/postgres url durable)" \
	  cargo bench --locked --quiet --package scimgate-tests --bench fair_share | tee docs/fair-share.md
	@.config/postgres stop durable

bench-mapping: setup-rust setup-postgres plugins ## Measure plans and remaps of 100,000 users and write docs/mapping-rates.md
	@cargo build --locked --release --no-default-features --package scimgate-cli
	@SCIMGATE_BIN=target/release/scimgate SCIMGATE_TEST_POSTGRES="$$(.config/postgres url durable)" \
	  cargo bench --locked --quiet --package scimgate-tests --bench mapping | tee docs/mapping-rates.md
	@.config/postgres stop durable

bench-erase: setup-rust setup-postgres ## Measure the erasure of 50,000 users beside another tenant, for docs/tenants.md
	@cargo build --locked --release --no-default-features --package scimgate-cli
	@SCIMGATE_BIN=target/release/scimgate SCIMGATE_TEST_POSTGRES="$$(.config/postgres url durable)" \
	  cargo bench --locked --quiet --package scimgate-tests --bench erase
	@.config/postgres stop durable

bench-credentials: setup-rust setup-postgres ## Measure revocation, refusals, verification and row-level security and write docs/credential-costs.md
	@cargo build --locked --release --no-default-features --package scimgate-cli
	@SCIMGATE_BIN=target/release/scimgate SCIMGATE_TEST_POSTGRES="$$(.config/postgres url durable)" \
	  cargo bench --locked --quiet --package scimgate-tests --bench credentials | tee docs/credential-costs.md
	@.config/postgres stop durable

bench-plugins: setup-rust setup-postgres plugins plugins-other ## Measure what steps, rules and chains cost, and a thousand tenants with a plugin each, and write docs/plugin-costs.md
	@cargo build --locked --release --no-default-features --package scimgate-cli
	@SCIMGATE_BIN=target/release/scimgate SCIMGATE_TEST_POSTGRES="$$(.config/postgres url durable)" \
	  cargo bench --locked --quiet --package scimgate-tests --bench plugins | tee docs/plugin-costs.md
	@.config/postgres stop durable

bench-log: setup-rust setup-postgres ## Measure what the provisioning log costs a request, for docs/provisioning-log.md
	@cargo build --locked --release --no-default-features --package scimgate-cli
	@SCIMGATE_BIN=target/release/scimgate SCIMGATE_TEST_POSTGRES="$$(.config/postgres url durable)" \
	  cargo bench --locked --quiet --package scimgate-tests --bench provisioning_log
	@.config/postgres stop durable

soak: setup-rust setup-postgres plugins ## Serve a mix of requests for an hour and write docs/soak.md (ARGS="--minutes 2 --rate 60 …")
	@cargo build --locked --release --no-default-features --package scimgate-cli
	@SCIMGATE_BIN=target/release/scimgate SCIMGATE_TEST_POSTGRES="$$(.config/postgres url durable)" \
	  cargo bench --locked --quiet --package scimgate-tests --bench soak -- --picture $(CURDIR)/docs/soak.svg $(ARGS) | tee docs/soak.md
	@.config/postgres stop durable

setup: setup-rust setup-postgres setup-browser setup-faults conformance-tools ## Install what the tests of the server need

setup-rust:
	@command -v cargo >/dev/null || { echo "Rust is missing: see https://rustup.rs"; exit 1; }
	@if command -v rustup >/dev/null && ! rustup target list --installed | grep -qx $(WASM); then rustup target add $(WASM); fi

setup-postgres:
	@.config/postgres install

setup-faults:
	@.config/need PgBouncer pgbouncer test -x /usr/sbin/pgbouncer
	@.config/need "faketime, which sets a process's clock" faketime sh -c 'ls /usr/lib/*/faketime/libfaketimeMT.so.1'

setup-browser:
	@.config/need "Chromium with its driver" chromium-driver sh -c 'command -v chromedriver && command -v chromium'
