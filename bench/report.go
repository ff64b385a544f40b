package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// column is a figure of a target under a scenario; NaN stands for none.
type column struct {
	title  string
	format string
	value  func(m measurement, scenario, target string) float64
}

var columns = []column{
	{"answers/s", "%.0f", overRounds(perSecond)},
	{"× floor", "%.2f", overRounds(perSecondOfFloor)},
	{"first byte p50 ms", "%.2f", overRounds(inMS(first50))},
	{"p99", "%.2f", overRounds(inMS(first99))},
	{"whole p50 ms", "%.2f", overRounds(inMS(p50))},
	{"p99", "%.2f", overRounds(inMS(p99))},
	{"first byte added p50 ms", "%+.2f", overRounds(added(first50))},
	{"whole added p50 ms", "%+.2f", overRounds(added(p50))},
	{"p99", "%+.2f", overRounds(added(p99))},
	{"CPU µs/answer", "%.0f", overRounds(cpu)},
	{"× floor", "%.2f", overRounds(cpuOfFloor)},
	{"memory before MiB", "%.0f", overRounds(memoryBefore)},
	{"peak", "%.0f", overRounds(memoryAtPeak)},
	{"failed %", "%.2f", failedPercent},
}

// Streams have one more column, paced ones two.
var (
	piecesColumn = column{"pieces", "%.1f", overRounds(pieces)}
	gapColumn    = column{"gap p50 ms", "%.2f", overRounds(inMS(gap50))}
)

func overRounds(f figure) func(m measurement, scenario, target string) float64 {
	return func(m measurement, scenario, target string) float64 { return m.figure(f, scenario, target) }
}

// failedPercent is of all calls in all rounds.
func failedPercent(m measurement, scenario, target string) float64 {
	failed := m.sum(target, scenario, failures)
	return 100 * failed / (failed + m.sum(target, scenario, func(r result) int { return r.answers }))
}

const preface = `# Benchmarks

What the gateway adds to a call. Written by

    %s

on %s, in rounds: %d. Provider, callers and targets share the machine.

- **direct**: the callers talk to a mock provider that answers at once, or when the scenario says.
- **floor**: a bare Go reverse proxy between them, which reads the request before it passes it on.
- **bare**: the same proxy, which passes the request on while it comes in.
- **sallyport**: this program with everything on: keys, limits, DLP with all default rules, credits, a log line for each
  call, and intent and outcome of each call in the database before it goes out and before its answer ends. Strict: on the
  disk; relaxed: with the system. PostgreSQL is beside it, without TLS.

Every prompt is another one. Figures are medians over the rounds; differences and ratios are taken within a round, in which
the targets have their turns in shuffled order, each when the last has come to rest. Callers send the next call when the last
is answered, so answers/s also pay for the callers and the provider; CPU is the target's own, user and system time, without
that of PostgreSQL. Of a stream, first byte is the first chunk with text, and pieces are chunks of the body that brought text:
with 200 each of 200 came alone. A kilobyte has 1024 bytes; memory is what of the process is in RAM.
`

// markdown writes the report: the targets of performance, why some are missed, and
// all that was measured, one table for each scenario.
func markdown(m measurement, command, machine string) string {
	var b strings.Builder
	fmt.Fprintf(&b, preface, strings.TrimSpace(command), machine, m.rounds)
	m.writeGoals(&b)
	m.writeProfiles(&b)
	for _, s := range m.scenarios {
		m.writeScenario(&b, s)
	}
	return b.String()
}

func (m measurement) writeGoals(b *strings.Builder) {
	held := len(slices.DeleteFunc(slices.Clone(m.verdicts), func(v verdict) bool { return !v.held }))
	fmt.Fprintf(b, "\n## Targets\n\nHeld: %d of %d.\n", held, len(m.verdicts))
	for _, k := range kinds {
		if !slices.Contains(m.gateways(), k.name) {
			continue
		}
		fmt.Fprintf(b, "\n### %s\n\n| | target | measured | |\n|---|---:|---:|---|\n", k.name)
		for _, v := range m.verdicts {
			if v.target != k.name {
				continue
			}
			where, bound, said := v.about, "≤ ", "held"
			if v.scenario != "" {
				where = v.scenario + ": " + v.about
			}
			if v.least {
				bound = "≥ "
			}
			if !v.held {
				said = "**missed**"
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", where, bound+cell(v.format, v.allowed), cell(v.format, v.was), said)
		}
	}
	m.writeCommits(b)
	m.writeBare(b)
}

// writeCommits tells what the limits of strict durability are made of.
func (m measurement) writeCommits(b *strings.Builder) {
	for _, database := range []string{sqlite, postgres} {
		if p50 := m.commit(database, commit.ms50); !math.IsNaN(p50) {
			fmt.Fprintf(b, "\nA durable commit of one row to %s took %.2f ms (p50), %.2f ms (p99). Times added with strict durability may hold "+
				"two of them, before the call goes out and before its answer ends; the first chunk of a stream one.\n",
				database, p50, m.commit(database, commit.ms99))
		}
	}
}

// writeBare tells what is lost by who does not read requests first.
func (m measurement) writeBare(b *strings.Builder) {
	if failed := failedPercent(m, plainEarly, bare); !math.IsNaN(failed) {
		fmt.Fprintf(b, "\nOf answers that the provider began before it had read the request, the bare proxy broke %.2f %%.\n", failed)
	}
}

func (m measurement) writeProfiles(b *strings.Builder) {
	if len(m.profiles) == 0 {
		return
	}
	b.WriteString("\n## Where the CPU goes when a target is missed\n\n" +
		"On the left each package's own code; on the right functions with all that they call, of those with the same share one.\n" +
		"Shares of all CPU time, from 1 %.\n")
	for _, p := range m.profiles {
		fmt.Fprintf(b, "\n### %s, %s\n\n| package | %% | function | %% |\n|---|---:|---|---:|\n", p.target, p.scenario)
		for i := range max(len(p.packages), len(p.functions)) {
			fmt.Fprintf(b, "| %s | %s |\n", shareAt(p.packages, i), shareAt(p.functions, i))
		}
	}
}

func shareAt(shares []share, i int) string {
	if i >= len(shares) {
		return " | "
	}
	return fmt.Sprintf("`%s` | %.1f", shares[i].name, shares[i].percent)
}

func (m measurement) writeScenario(b *strings.Builder, s scenario) {
	columns := slices.Clone(columns)
	if s.answer.chunks > 0 {
		columns = append(columns, piecesColumn)
	}
	if s.answer.gap > 0 {
		columns = append(columns, gapColumn)
	}
	fmt.Fprintf(b, "\n## %s\n\n| |", s.name)
	for _, c := range columns {
		fmt.Fprintf(b, " %s |", c.title)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(columns)) + "\n")
	for _, target := range s.targets {
		fmt.Fprintf(b, "| %s |", target)
		for _, c := range columns {
			fmt.Fprintf(b, " %s |", cell(c.format, c.value(m, s.name, target)))
		}
		b.WriteString("\n")
	}
	m.writeNoise(b, s)
}

// writeNoise tells how far the rounds lie apart, and what else ran: PostgreSQL is
// part of a target, so it is looked at beside direct and floor alone.
func (m measurement) writeNoise(b *strings.Builder, s scenario) {
	floors := m.figures(perSecond, s.name, floor)
	if len(floors) == 0 {
		return
	}
	others := func(r, _, _ result) float64 { return r.others }
	beside := append(m.figures(others, s.name, direct), m.figures(others, s.name, floor)...)
	fmt.Fprintf(b, "\nNoise: floor %.0f to %.0f answers/s; other programs used %.2f cores (median), %.2f at most.\n",
		slices.Min(floors), slices.Max(floors), median(beside), slices.Max(beside))
}
