# make run    builds and starts on 127.0.0.1:8080
# make test   everything; installs or starts what it needs and is missing
# The rest of the targets are parts of these two, or slower forms of them.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOFLAGS     := -buildvcs=false
export GOFLAGS

.PHONY: run build test vet unit clients faults faults-short bench fmt lint fuzz services

run: build
	@bin/sallyport serve

build:
	@mkdir -p bin
	go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/sallyport ./cmd/sallyport

test: services vet unit clients faults-short

# PostgreSQL for the contract suites, from Debian's packages when it is missing.
services:
	@scripts/services

vet:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'not gofmt-ed: run make fmt'; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

unit:
	go test -race -timeout 15m ./...

# The official OpenAI client for Node, and curl, against the real binary.
clients: build
	cd clients && npm ci --no-audit --no-fund --silent && npm test

# Every durable write fails, in every way; kill -9 under load, on SQLite and on
# PostgreSQL, one server and three: every call that the provider saw has an
# intent, every call is closed and charged once, the chain verifies.
faults: build
	go test ./cmd/sallyport -run 'TestFaultTable' -every-fault -count 1 -timeout 30m -v
	go test ./cmd/sallyport -run 'Killed' -kills 200 -count 1 -timeout 60m -v
faults-short: build
	go test ./cmd/sallyport -run 'TestKilled|TestNodesKilled' -kills 20 -count 1 -timeout 10m

bench: build
	go run ./bench -o docs/benchmarks.md

fuzz:
	go test ./internal/llm -run XXX -fuzz FuzzParse -fuzztime 60s
	go test ./internal/dialect/chat -run XXX -fuzz FuzzDecode -fuzztime 60s
	go test ./internal/provider -run XXX -fuzz FuzzEvents -fuzztime 60s
	go test ./internal/dlp -run XXX -fuzz FuzzStream -fuzztime 60s

fmt:
	gofmt -w $$(git ls-files '*.go')

lint: vet
	go run $(GOLANGCI) run ./...
