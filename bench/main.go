// Command bench measures what the gateway adds to a call, and says which targets
// of performance it holds:
//
//	go run ./bench -profile bin/profiles -o docs/benchmarks.md
//
// It starts a provider that answers at once; a floor, the least that something
// between client and provider can do: a reverse proxy that reads the request before
// it passes it on; and the real binary with everything on, once for each kind of
// database and durability. It then sends the same calls to each, in turns and in
// shuffled order, for several rounds, and writes medians. Figures are compared
// within a round, so that a machine that is slower for a minute is slower for all.
// Before the next target has its turn, the last one must have come to rest.
//
//	scenarios.go  what is measured, on which targets
//	request.go    the requests of a scenario
//	targets.go    what runs: starting, ending, coming to rest; gateway.go is the product
//	load.go       sends the calls: a closed loop, the next after the last answer
//	conn.go       one connection, HTTP by hand
//	mock.go       the provider; it and floor.go are this program started again
//	database.go   counts what the gateway recorded, and times commits of one row
//	process.go    starts processes; proc.go reads what they cost, from Linux's /proc
//	measure.go    the rounds
//	goals.go      the targets of performance, and whether they are held
//	profile.go    where CPU goes when one is missed
//	report.go     all of it as Markdown
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// timeMax bounds the whole program, whatever hangs.
const timeMax = time.Hour

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, timeMax)
	err := run(ctx, os.Args[1:])
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == mockMode {
		return serveUntilEOF(newMock())
	}
	if len(args) == 2 && (args[0] == floorMode || args[0] == bareMode) {
		proxy := newFloor
		if args[0] == bareMode {
			proxy = newBare
		}
		h, err := proxy(args[1])
		if err != nil {
			return err
		}
		return serveUntilEOF(h)
	}
	return bench(ctx, args)
}

// options are the flags.
type options struct {
	out      string // "": standard output
	binary   string
	postgres string // "": without
	profiles string // "": none
	only     *regexp.Regexp
	rounds   int
	short    bool
}

func bench(ctx context.Context, args []string) error {
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := measure(ctx, o)
	if err != nil {
		return err
	}
	report := markdown(m, "go run ./bench "+strings.Join(args, " "), machine())
	if o.out == "" {
		_, err := os.Stdout.WriteString(report)
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(o.out, []byte(report), 0o644)
}

func parseOptions(args []string) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.out, "o", "", "write the report to this `file`")
	flags.StringVar(&o.binary, "binary", "bin/sallyport", "the gateway")
	flags.StringVar(&o.postgres, "postgres", "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable",
		"a PostgreSQL server, on which databases are made and dropped; empty: measure without")
	flags.StringVar(&o.profiles, "profile", "", "where a target is missed, profile the gateway and keep the profiles in this `folder`")
	only := flags.String("only", "", "measure what matches this `regexp` alone, in \"scenario: target\"; direct and floor come along")
	flags.IntVar(&o.rounds, "rounds", 0, "how often all is measured (default 3, with -short 1)")
	flags.BoolVar(&o.short, "short", false, "short runs: to see that it works, not to quote")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	switch {
	case o.rounds < 0:
		return o, errors.New("-rounds must be at least 1")
	case o.rounds == 0 && o.short:
		o.rounds = 1
	case o.rounds == 0:
		o.rounds = 3
	}
	return o, nil
}

func machine() string { return fmt.Sprintf("%d cores, %s", runtime.NumCPU(), runtime.Version()) }
