# Everything one does with Poplar, by name; `make` alone lists it. Each target first lets scripts/setup.sh install what
# it needs (nothing, on a second run). The work itself is in scripts/, so that it can be run and read without make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build demo test peers bench instructions proof recorder floor fuzz tls-scan attack hostile sanitize lint format torture clean

# What Package.swift bakes into the binary. The environment is part of SwiftPM's cache key, so these are never stale.
export POPLAR_COMMIT := $(shell scripts/version.sh)
export POPLAR_SWIFT := $(shell swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' | head -n 1)

# A build that imports a module without declaring it fails. Release links Swift's library in: the binary runs without Swift.
CHECKED := --explicit-target-dependency-import-check error
RELEASE := -c release --static-swift-stdlib $(CHECKED)
POPLAR  := .build/release/poplar

PROFILE      ?= exchange-mixed
FUZZ_SECONDS ?= 60
BENCH        ?=
PROOF        ?=
ATTACK       ?=
HOSTILE      ?=
SANITIZE     ?=
BASE         ?=
CC           := gcc

help: ## list the targets (default)
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

build: ## build .build/release/poplar
	@scripts/setup.sh build
	swift build $(RELEASE) --product poplar

demo: build ## run the authentication mix against the embedded server (PROFILE=exchange-mixed, a name or a file)
	$(POPLAR) run $(PROFILE)

test: build ## run every test: the module graph, the hot path in the binary, the unit tests, real clients, attacks, hostile servers, others' servers
	@scripts/setup.sh test attack hostile peers
	@scripts/test.sh

peers: build ## the same scripts at Poplar and at Debian's Dovecot and Courier; each difference explained by an RFC
	@scripts/setup.sh peers
	python3 Tests/Peers

lint: ## check the format (.swift-format), the shell scripts' syntax, and undeclared imports
	@scripts/setup.sh build
	@scripts/lint.sh
	swift build $(CHECKED)

format: ## reformat the Swift sources in place
	swift format format --in-place --parallel --recursive Package.swift Sources Tests

FLOOR_CC := $(CC) -std=c11 -O2 -Wall -Wextra -Wshadow -Werror
floor: ## build the C floors that the benchmarks race against, and the load client
	@scripts/setup.sh bench
	@mkdir -p Benchmarks/floor/bin
	@cd Benchmarks/floor && $(FLOOR_CC) -o bin/floor-server floor-server.c canned.c
	@cd Benchmarks/floor && $(FLOOR_CC) -o bin/tls-server tls-server.c tls-certificate.c canned.c -lssl -lcrypto
	@cd Benchmarks/floor && $(FLOOR_CC) -o bin/floor-client client*.c -lssl -lcrypto
	@cd Benchmarks/floor && $(FLOOR_CC) -o bin/abort-client abort-client.c
	@cd Benchmarks/floor && $(FLOOR_CC) -o bin/holder holder.c -lssl -lcrypto

bench: build floor ## allocations, system calls, then every race of docs/benchmarks.md (BENCH="--pairs 5 --rows plain,ntlm")
	scripts/allocations.sh
	python3 Benchmarks/race --syscalls --out results/bench/speed.json $(BENCH)

instructions: build floor ## user instructions per session, RETR and NTLM logon, by callgrind (BASE=another binary: the ratio, at most 1.01)
	@scripts/setup.sh instructions
	scripts/instructions.sh $(POPLAR) $(BASE)

proof: build floor ## can the generator be trusted: stalls, known waits, arrivals, cost, other clients (PROOF="omission known")
	@scripts/setup.sh test bench peers proof
	python3 Benchmarks/proof $(PROOF)

recorder: ## what a sample costs: the recorder against hdrhistogram-swift's own record, in one process
	@scripts/setup.sh build
	swift build --package-path Benchmarks/Recorder -c release
	Benchmarks/Recorder/.build/release/recorder-race

fuzz: ## fuzz every parser, FUZZ_SECONDS=60 each
	@scripts/setup.sh build fuzz
	scripts/fuzz.sh --seconds $(FUZZ_SECONDS)

tls-scan: build ## testssl.sh and sslscan at the server, direct and after STLS: findings of MEDIUM or above
	@scripts/setup.sh scan
	scripts/tls-scan.sh $(POPLAR)

attack: build ## attacks over loopback: cut at every octet, slow clients, floods, no descriptors, a leak hunt (ATTACK="quick", or cases)
	@scripts/setup.sh attack
	python3 Tests/Attack $(ATTACK)

hostile: build ## more than 200 hostile servers against the generator, and one that dies and returns (HOSTILE="quick", or rows)
	@scripts/setup.sh hostile
	python3 Tests/Hostile $(HOSTILE)

sanitize: build ## AddressSanitizer and ThreadSanitizer over the tests and over a server under 200 clients (SANITIZE=address)
	@scripts/setup.sh attack
	scripts/sanitize.sh $(SANITIZE)

torture: build ## what takes long: the demo ten times, the attacks, the hostile servers, the sanitizers, the TLS scan, 300 s of fuzzing for each parser
	@for turn in 1 2 3 4 5 6 7 8 9 10; do \
		echo "== demo $$turn of 10"; $(POPLAR) run $(PROFILE); \
	done
	@$(MAKE) --no-print-directory attack
	@$(MAKE) --no-print-directory hostile
	@$(MAKE) --no-print-directory sanitize
	@$(MAKE) --no-print-directory tls-scan
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=300

clean: ## remove what was built; results stay
	rm -rf .build Tests/Fuzzing/.build Benchmarks/floor/bin
