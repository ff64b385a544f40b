// Command bench measures what the gateway adds to a call:
//
//	go run ./bench -o docs/benchmarks.md
//
// It starts three processes: a provider that answers at once, a floor (the least
// that something between client and provider can do: a reverse proxy that reads
// the request before it passes it on), and the real binary with everything on. It
// then sends the same calls directly to the provider, through the floor and
// through the gateway, in turns, for several rounds, and writes medians. Figures
// are compared within a round, so that a machine that is slower for a minute is
// slower for all three. A call that fails fails the whole run.
//
//	scenarios.go  what is measured
//	load.go       sends the calls: a closed loop, the next after the last answer
//	mock.go       the provider; it and floor.go are this program started again
//	process.go    starts processes and reads what they cost, from Linux's /proc
//	report.go     runs to medians to Markdown
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// timeMax bounds the whole program, whatever hangs.
const timeMax = 15 * time.Minute

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
	if len(args) > 0 && args[0] == mockMode {
		return serveUntilEOF(mock{})
	}
	if len(args) > 1 && args[0] == floorMode {
		floor, err := newFloor(args[1])
		if err != nil {
			return err
		}
		return serveUntilEOF(floor)
	}
	return bench(ctx, args)
}

// options are the flags.
type options struct {
	out    string // "": standard output
	binary string
	quick  bool
}

func bench(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.out, "o", "", "write the report to this `file`")
	flags.StringVar(&o.binary, "binary", "bin/sallyport", "the gateway")
	flags.BoolVar(&o.quick, "quick", false, "one short round, about 30 s: to see that it works, not to quote")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	runs, err := measure(ctx, o)
	if err != nil {
		return err
	}
	report := markdown(runs, "go run ./bench "+strings.Join(args, " "), machine())
	if o.out == "" {
		_, err := os.Stdout.WriteString(report)
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(o.out, []byte(report), 0o644)
}

func machine() string { return fmt.Sprintf("%d cores, %s", runtime.NumCPU(), runtime.Version()) }

// A round measures each scenario at each target for loadTime, after a warm-up.
// All of it takes about three minutes, with -quick half a minute.
const (
	rounds        = 3
	loadTime      = 2700 * time.Millisecond
	loadTimeQuick = 1 * time.Second
	warmTime      = 250 * time.Millisecond
	settleTime    = 50 * time.Millisecond // for what a target still does after its last answer
)

// measure starts everything, sends the load and stops everything.
func measure(ctx context.Context, o options) (runs []result, err error) {
	targets, stop, err := startTargets(ctx, o.binary)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	n, d := rounds, loadTime
	if o.quick {
		n, d = 1, loadTimeQuick
	}
	for round := range n {
		for _, s := range scenarios {
			for i := range targets {
				t := targets[(i+round)%len(targets)] // each comes first once
				r, err := measureOne(ctx, t, s, d)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", s.name, t.name, err)
				}
				r.round = round
				runs = append(runs, r)
				fmt.Fprintf(os.Stderr, "round %d of %d  %-34s %-9s %7.0f/s\n", round+1, n, s.name, t.name, r.perSecond())
			}
		}
	}
	return runs, nil
}

func measureOne(ctx context.Context, t target, s scenario, d time.Duration) (result, error) {
	client := newClient(t, s)
	defer client.close()
	if _, err := client.load(ctx, warmTime); err != nil {
		return result{}, err
	}
	before, err := t.cpu()
	if err != nil {
		return result{}, err
	}
	r, err := client.load(ctx, d)
	if err != nil {
		return result{}, err
	}
	time.Sleep(settleTime)
	after, err := t.cpu()
	r.cpu = after - before
	return r, err
}
