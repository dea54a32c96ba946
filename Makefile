# Skerry. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT   := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
DATA     ?= $(or $(XDG_DATA_HOME),$(HOME)/.local/share)/skerry
ADDR     ?= 127.0.0.1:8080

# For the tests of the engine; plugins/local/build.sh has the flags of what ships.
export CGO_CFLAGS   := -O3 -march=native
export CGO_CXXFLAGS := -O3 -march=native
export GOFLAGS := -buildvcs=false

GO_SOURCES  := $(shell find main.go appliance plugins store embed installer -name '*.go' -not -path 'embed/build/*' 2>/dev/null)
RUNNER_DEPS := $(shell find plugins/local plugins/sdk appliance/llm -name '*.go' -not -name '*_test.go' -o -path 'plugins/local/*' -name '*.[ch]*' 2>/dev/null) plugins/local/build.sh go.mod go.sum
UI_DEPS     := $(shell find webui/src webui/public webui/index.html webui/*.ts webui/*.json -type f 2>/dev/null) webui/package-lock.json
DATA_FILES  := $(shell find embed -type f -not -name '*.go' -not -path 'embed/build/*' 2>/dev/null)

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-z0-9-]*:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## ---- build -------------------------------------------------------------

.PHONY: build
build: bin/skerry ## the one static binary, bin/skerry: UI, runner and starter models inside

bin/skerry: $(GO_SOURCES) $(DATA_FILES) embed/build/skerry-runner.zst embed/build/skerry-converter.zst embed/build/webui/index.html embed/build/licences.txt go.mod go.sum
	@mkdir -p bin
	$(GO_BUILD) -o $@ .
	@ls -lh $@ | awk '{print "$@: " $$5}'

# nomsgpack and grpcnotrace leave out codecs of gin and pages of gRPC that nothing
# here uses: 6 MB.
GO_BUILD = CGO_ENABLED=0 go build -trimpath -tags netgo,osusergo,nomsgpack,grpcnotrace \
	  -ldflags '-s -w -X skerry/appliance.version=$(VERSION) -X skerry/appliance.commit=$(COMMIT)'

# The plain build is for this machine; these are to be carried elsewhere. What
# each embeds in place of the runner for this machine is said by an overlay, so
# that one build leaves nothing behind for the next.
LEVELS := v2 v3 v4

.PHONY: build-all
build-all: bin/skerry-all ## bin/skerry-all: with runners for x86-64-v2, v3 and v4, the best chosen at start

bin/skerry-all: $(LEVELS:%=bin/skerry-runner-%.zst) bin/skerry
	plugins/local/overlay.sh $(LEVELS) >bin/all.overlay.json
	$(GO_BUILD) -overlay bin/all.overlay.json -o $@ .
	@ls -lh $@ | awk '{print "$@: " $$5}'

.PHONY: build-arm64
build-arm64: bin/skerry-arm64 ## bin/skerry-arm64: for arm64 hosts (needs Debian's gcc-aarch64-linux-gnu and g++-aarch64-linux-gnu)

bin/skerry-arm64: bin/skerry-runner-arm64.zst bin/skerry-converter-arm64.zst bin/skerry
	plugins/local/overlay.sh arm64 >bin/arm64.overlay.json
	GOARCH=arm64 $(GO_BUILD) -overlay bin/arm64.overlay.json -o $@ .
	@ls -lh $@ | awk '{print "$@: " $$5}'

.SECONDARY: $(LEVELS:%=bin/skerry-runner-%) bin/skerry-runner-arm64 bin/skerry-converter-arm64

bin/skerry-runner-%: $(RUNNER_DEPS)
	@mkdir -p bin
	VERSION='$(VERSION)' plugins/local/build.sh $@ $*

bin/skerry-runner-%.zst: bin/skerry-runner-%
	go run ./embed/pack $< $@

.PHONY: runner
runner: embed/build/skerry-runner.zst ## the local inference runner (static cgo executable)

bin/skerry-runner: $(RUNNER_DEPS)
	@mkdir -p bin
	VERSION='$(VERSION)' plugins/local/build.sh $@

embed/build/skerry-runner.zst: bin/skerry-runner
	cp $<.needs embed/build/skerry-runner.needs
	go run ./embed/pack $< $@

CONVERTER_DEPS := $(shell find plugins/local/convert plugins/local/safetensors plugins/local/gguf -name '*.go' -not -name '*_test.go' 2>/dev/null) go.mod go.sum
BUILD_CONVERTER = CGO_ENABLED=0 go build -trimpath -tags netgo,osusergo -ldflags '-s -w' -o $@ ./plugins/local/convert/converter

bin/skerry-converter: $(CONVERTER_DEPS)
	@mkdir -p bin
	$(BUILD_CONVERTER)

bin/skerry-converter-arm64: $(CONVERTER_DEPS)
	@mkdir -p bin
	GOARCH=arm64 $(BUILD_CONVERTER)

bin/skerry-converter-arm64.zst: bin/skerry-converter-arm64
	go run ./embed/pack $< $@

embed/build/skerry-converter.zst: bin/skerry-converter
	go run ./embed/pack $< $@

.PHONY: ui
ui: embed/build/webui/index.html ## the web UI

embed/build/webui/index.html: webui/node_modules/.installed $(UI_DEPS)
	cd webui && npm run --silent build
	@touch $@

webui/node_modules/.installed: webui/package-lock.json
	cd webui && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

embed/build/licences.txt: go.mod go.sum webui/package-lock.json | webui/node_modules/.installed
	go run ./embed/licences -o $@

## ---- run ---------------------------------------------------------------

.PHONY: run
run: bin/skerry ## build, initialise DATA (default: your data home) and serve on ADDR (default 127.0.0.1:8080)
	@bin/skerry init --data '$(DATA)' --if-needed --single-person 'evaluation, begun with make run'
	@exec bin/skerry serve --data '$(DATA)' --listen '$(ADDR)'

## ---- check -------------------------------------------------------------

.PHONY: test
test: needs bin/skerry test-go test-ui test-browser ## every test there is, browser tests included

.PHONY: needs
needs: ## what the tests need from the machine; installs it with apt when root
	@.ci/needs

.PHONY: test-go
test-go: bin/skerry ## Go tests with the race detector
	go vet ./...
	CGO_ENABLED=1 SKERRY_BIN='$(CURDIR)/bin/skerry' go test -race -timeout 20m ./...
	# The engine's C code makes no sense of the race detector: its tests run without.
	CGO_ENABLED=1 go test -timeout 10m ./plugins/local

.PHONY: test-ui
test-ui: webui/node_modules/.installed ## types, lint and unit tests of the UI
	cd webui && npm run --silent check && npm test --silent

.PHONY: test-browser
test-browser: needs bin/skerry webui/node_modules/.installed ## the UI in Chromium against the real binary
	cd webui && SKERRY_BIN='$(CURDIR)/bin/skerry' npm run --silent e2e

.PHONY: test-crash
test-crash: bin/skerry ## kill -9 at random points, 200 times and more
	CGO_ENABLED=1 go test -timeout 60m -run Crash -v ./appliance/engine -args -crash=200

.PHONY: test-trust
test-trust: needs ## the long forms of the tests of trust: every byte of the log flipped, 1,000 kills, 1,000 power cuts (FUSE, as root), every system call failing
	SKERRY_TRUST=1 go test -timeout 120m -v -run 'TestEveryByte|TestEveryFrame|TestSegments|TestKill|TestPlantedMissingSync' ./appliance/audit
	CGO_ENABLED=1 SKERRY_TRUST=1 go test -timeout 240m -v -run 'TestPowerCuts|TestPlantedLies|TestEverySystemCallFails' ./appliance

.PHONY: bench-trust
bench-trust: ## the audit log: appends per second and their p99, records verified and opened per second, what it costs the main job
	go test -run '^$$' -bench 'Append|VerifyDecrypt' -benchtime 3s -count 3 ./appliance/audit
	go test -run '^$$' -bench Audit -benchtime 2s -count 3 ./store
	# A number of runs, not a time: the first ones only fill the queue, and a time would be guessed from them.
	go test -run '^$$' -bench Audit -benchtime 1000x -count 3 ./appliance/engine

.PHONY: fuzz
FUZZTIME ?= 30s
fuzz: ## every fuzz target for FUZZTIME (default 30s)
	@grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' appliance embed plugins store | sed 's|/[^/]*:func | |' | \
	  while read -r dir target; do echo "== $$dir $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$dir" </dev/null; done

.PHONY: check
check: fmt-check lint drift test-go test-ui ## format, vet, lint, generated files, race tests

.PHONY: fmt
fmt: ## format Go and TypeScript
	gofmt -w $(GO_SOURCES)
	cd webui && npm run --silent format

.PHONY: fmt-check
fmt-check:
	@out=$$(gofmt -l $(GO_SOURCES)); if [ -n "$$out" ]; then echo "not formatted (make fmt):"; echo "$$out"; exit 1; fi

.PHONY: lint
lint: embed/build/webui/index.html embed/build/skerry-runner.zst ## golangci-lint at the pinned version
	@mkdir -p bin
	cd .ci/lint && go build -o ../../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	bin/golangci-lint run ./...

.PHONY: drift
drift: webui/node_modules/.installed ## generated files are what their sources generate
	@.ci/needs drift
	plugins/sdk/wire/generate.sh -check
	go test ./appliance/api -run OpenAPI
	go test ./embed/sample/...
	cd webui && npm run --silent check:schema

.PHONY: generate
generate: webui/node_modules/.installed ## regenerate what is generated: protocol, OpenAPI, UI types, sample documents
	@.ci/needs drift
	plugins/sdk/wire/generate.sh
	go test ./appliance/api -run OpenAPI -update
	cd webui && npm run --silent generate
	go run ./embed/sample/gen -out embed/sample

## ---- measure -----------------------------------------------------------

.PHONY: bench
bench: bin/skerry ## durable appends, runs/s, start-up, memory, list latency; prints a table
	SKERRY_BIN='$(CURDIR)/bin/skerry' go run ./appliance/bench

.PHONY: bench-local
PEER ?= bin/bench-local
bench-local: bin/skerry-runner ## the local runner beside llama.cpp (node-llama-cpp, installed in PEER); prints a table
	go run ./plugins/local/bench -peer '$(PEER)' $(BENCH)

.PHONY: bench-starter
bench-starter: bin/skerry-runner ## examine the starter models on documents that they never learnt from; prints a table
	go run ./embed/starter/exam

.PHONY: train-starter
train-starter: ## train the starter models anew, with a seed; resumes what was interrupted
	embed/starter/train/train.sh

.PHONY: clean
clean: ## remove build outputs (data directories stay)
	rm -rf bin webui/node_modules webui/dist
	find embed/build -mindepth 1 -not -name README -delete
