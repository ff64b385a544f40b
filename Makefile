# make run    builds and starts on 127.0.0.1:8080
# make test   everything; installs or starts what it needs and is missing
# The rest of the targets are parts of these two, or slower forms of them.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
PROVE       := go test ./cmd/sallyport -count 1 -timeout 90m -v -run
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOFLAGS     := -buildvcs=false
export GOFLAGS

.PHONY: run build program pages types web e2e test vet unit race clients agents proofs faults disk races early saturation soak growth bench ui-bench fmt lint fuzz services

run: build
	@bin/sallyport serve

build: pages program

program:
	@mkdir -p bin
	@echo 'building the program: at first a minute or two'
	@go build -ldflags '-s -w -X main.version=$(VERSION)' -o bin/sallyport ./cmd/sallyport

test: services vet web unit clients e2e

# Tests make hundreds of databases, every write of which waits for the disk. In memory,
# where there are four gigabytes of it, they do not. make proofs, which kills
# and fills and breaks at length, stays on the disk.
MEMORY := $(shell df --output=avail /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 4194304 { print "/dev/shm" }')
ifneq ($(MEMORY),)
unit race clients e2e: export GOTMPDIR := $(or $(TMPDIR),/tmp)
unit race clients e2e: export TMPDIR := $(MEMORY)
endif

# The Terminal, which the program embeds: built again when a source of it changed.
WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -path 'web/e2e/*')
pages: web/dist/index.html
web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	@echo 'building the Terminal: up to a minute'
	@cd web && npm run --silent build -- --logLevel warn
web/node_modules/.package-lock.json: web/package-lock.json
	@echo "fetching the Terminal's packages: at first a minute or two"
	@cd web && npm ci --no-audit --no-fund --silent
	@touch $@

# The types of the Terminal's client, from the description of the API.
types: web/node_modules/.package-lock.json
	go run ./cmd/sallyport openapi > web/openapi.json
	cd web && npx openapi-typescript openapi.json -o src/api/schema.d.ts

# The Terminal's own checks: types current and right, unit tests.
web: pages
	cd web && npm run --silent check && npm test --silent && npm run --silent sizes
	cd web && npx openapi-typescript openapi.json -o src/api/schema.d.ts --check
	go run ./cmd/sallyport openapi | diff -q - web/openapi.json || { echo 'the API changed: run make types'; exit 1; }

# The Terminal in a browser, against the real binary; some files of it: make e2e E2E='chat users'
E2E :=
e2e: services build
	cd web && npm run --silent e2e -- $(E2E)

# PostgreSQL for the contract suites, from Debian's packages when it is missing.
services:
	@scripts/services

vet:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'not gofmt-ed: run make fmt'; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

# Many tests wait for a lease to end or for a disk: four at a time use what two cores
# have. What lives on SQLite or starts the whole program goes without the race detector,
# under which that, bodies of 51 MB and reflection take many times as long; make
# race has it. Pointers of SQLite, C that a program turned into Go, are not checked at all.
# What takes longest is begun first, and what needs Postgres most beside the tests of
# the program that need it least. make vet has looked at everything already, with
# more than go test would; go test would do so anew for the race detector, down to the
# last dependency. A package without tests of its own is built where it is needed.
RACE    := -race -gcflags=modernc.org/...=-d=checkptr=0 -parallel 4 -vet=off
UNRACED := ./internal/store ./cmd/sallyport ./internal/agent ./internal/server ./internal/audit ./internal/backup ./internal/dialect ./internal/provider ./internal/sink ./bench
TESTED  := go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...
unit:
	go test $(RACE) -timeout 18m $$($(TESTED) | grep -vxF "$$(go list $(UNRACED))")
	go test -parallel 8 -vet=off -timeout 18m $(UNRACED)

race: services
	go test $(RACE) -timeout 60m $(UNRACED)

# The official clients of OpenAI and Anthropic for Node, and curl, against the real binary.
clients: build
	cd clients && npm ci --no-audit --no-fund --silent && npm test

# Claude Code and Codex CLI, from npm, through the real binary. Not in test for their
# size: 800 MB to fetch and to unpack.
agents: build
	cd clients/agents && npm ci --ignore-scripts --no-audit --no-fund --silent && npm test

# The proofs of exactness in their long forms, under two hours on a quiet
# machine; their short forms are in test. What each shows: docs/proofs.md.
proofs: faults disk races early saturation soak growth

# Every durable write fails, in every way, also those of the recovery; kill -9 under
# load, during a start, and while one server recovers another; on SQLite and on
# PostgreSQL, one server and three.
faults: services
	$(PROVE) 'TestFaultTable' -every-fault
	$(PROVE) 'Killed' -kills 500 -recoveries 10

# Disks that are full, read-only, and whose writes and fsyncs fail.
disk: services
	$(PROVE) 'TestDisk'

# Ten thousand calls at once on credits for a thousand, on one server and on
# three; limits that three servers count together; and changes that they obey
# within a second.
races: services
	$(PROVE) 'TestLastCredits|TestRandomUse' -race-calls 10000
	$(PROVE) 'TestNodesLimits' -limit-time 60s
	$(PROVE) 'TestNodesRevokedKey|TestNodesGroups' -revoked-within 1s

# Providers that answer before they have read; the same calls through a bare proxy.
early:
	$(PROVE) 'TestEarlyAnswers' -early-calls 4000 -early-bare

# A minute as fast as the server answers: every answer is in the books.
saturation: services
	$(PROVE) 'TestNoneLost' -saturation-time 60s -saturation-callers 128

# Ten minutes at half of that: memory, goroutines and files come back.
soak: services
	$(PROVE) 'TestSoak' -soak-time 10m

# Calls and searches of the trail on a million records and a hundred thousand keys,
# beside those on an empty database. docs/growth.md
growth: services
	$(PROVE) 'TestGrowth' -growth-records 1000000 -growth-keys 100000 -growth-pages 400

# What calls cost, on a quiet machine with PostgreSQL, and which targets are held:
# about twenty minutes. Parts of it: go run ./bench -short -only REGEX, see -help.
bench: services build
	go run ./bench -profile bin/profiles -o docs/benchmarks.md

# How fast the Terminal is in a browser, with much in it: ten minutes on a
# quiet machine. Writes docs/terminal-speed.md.
ui-bench: build
	cd web && npm run --silent bench

fuzz:
	go test ./internal/llm -run XXX -fuzz FuzzParse -fuzztime 60s
	go test ./internal/dialect/chat -run XXX -fuzz FuzzDecode -fuzztime 60s
	go test ./internal/provider -run XXX -fuzz FuzzEvents -fuzztime 60s
	go test ./internal/dlp -run XXX -fuzz FuzzStream -fuzztime 60s

fmt:
	gofmt -w $$(git ls-files '*.go')

lint: vet
	go run $(GOLANGCI) run ./...
