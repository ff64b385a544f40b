package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// result is one target under one scenario in one round.
type result struct {
	scenario, target string
	round            int
	elapsed          time.Duration
	first, whole     []time.Duration // sorted, one for each answer
	cpu              time.Duration   // of the target's process; 0: not counted
}

func newResult(scenario, target string, elapsed time.Duration, timings []timing) result {
	r := result{scenario: scenario, target: target, elapsed: elapsed}
	for _, t := range timings {
		r.first = append(r.first, t.first)
		r.whole = append(r.whole, t.whole)
	}
	slices.Sort(r.first)
	slices.Sort(r.whole)
	return r
}

func (r result) perSecond() float64 { return float64(len(r.whole)) / r.elapsed.Seconds() }

// cpuPerAnswer is in microseconds.
func (r result) cpuPerAnswer() float64 {
	return float64(r.cpu.Microseconds()) / float64(len(r.whole))
}

// quantile returns the smallest value that at least the part q of all values
// does not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// median returns the middle of values, or between the two in the middle. It is
// NaN of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// column is a figure of a result. It may be compared with those of direct and
// floor in the same round; NaN stands for none.
type column struct {
	title  string
	format string
	figure func(r, direct, floor result) float64
}

var columns = []column{
	{"answers/s", "%.0f", func(r, _, _ result) float64 { return r.perSecond() }},
	{"first byte p50 ms", "%.2f", func(r, _, _ result) float64 { return ms(quantile(r.first, 0.50)) }},
	{"p50 ms", "%.2f", func(r, _, _ result) float64 { return ms(quantile(r.whole, 0.50)) }},
	{"p99 ms", "%.2f", func(r, _, _ result) float64 { return ms(quantile(r.whole, 0.99)) }},
	{"added p50 ms", "%+.2f", added(0.50)},
	{"added p99 ms", "%+.2f", added(0.99)},
	{"CPU µs/answer", "%.0f", func(r, _, _ result) float64 {
		if r.target == direct {
			return math.NaN()
		}
		return r.cpuPerAnswer()
	}},
	{"CPU × floor", "%.2f", func(r, _, floor result) float64 {
		if r.target == direct || floor.cpu == 0 {
			return math.NaN()
		}
		return r.cpuPerAnswer() / floor.cpuPerAnswer()
	}},
	{"answers/s × floor", "%.2f", func(r, _, floor result) float64 { return r.perSecond() / floor.perSecond() }},
}

func added(q float64) func(r, d, floor result) float64 {
	return func(r, d, _ result) float64 {
		if r.target == direct {
			return math.NaN()
		}
		return ms(quantile(r.whole, q)) - ms(quantile(d.whole, q))
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// cell is the median of a column over the rounds, as text.
func (c column) cell(runs []result, scenario, target string) string {
	var figures []float64
	for _, r := range runs {
		if r.scenario != scenario || r.target != target {
			continue
		}
		figure := c.figure(r, find(runs, r, direct), find(runs, r, floor))
		if !math.IsNaN(figure) {
			figures = append(figures, figure)
		}
	}
	if len(figures) == 0 {
		return "–"
	}
	return fmt.Sprintf(c.format, median(figures))
}

// find returns the result of another target beside r: same scenario, same round.
func find(runs []result, r result, target string) result {
	i := slices.IndexFunc(runs, func(o result) bool {
		return o.target == target && o.scenario == r.scenario && o.round == r.round
	})
	if i < 0 {
		return result{}
	}
	return runs[i]
}

const preface = `# Benchmarks

What the gateway adds to a call. Made by

    %s

on %s, in rounds: %d. Provider, callers and targets share the machine.

- **direct**: the caller talks to a mock provider that answers at once.
- **floor**: a bare Go reverse proxy between them, which reads the request before it passes it on.
- **sallyport**: this program with everything on: keys, limits, DLP, credits, and intent and outcome of each call
  on disk (SQLite, strict durability) before it goes out and before its answer ends.

Every prompt is another one. Figures are medians over the rounds; differences and ratios are taken within a round. Callers
send the next call when the last is answered, so answers per second also pay for the callers and the provider; CPU is the
target's own, user and system time. No call failed: one that fails fails the run.
`

// markdown writes the report: one table for each scenario, in their order.
func markdown(runs []result, command, machine string) string {
	roundsRun := 0
	for _, r := range runs {
		roundsRun = max(roundsRun, r.round+1)
	}
	var b strings.Builder
	fmt.Fprintf(&b, preface, strings.TrimSpace(command), machine, roundsRun)
	for _, s := range scenarios {
		fmt.Fprintf(&b, "\n## %s\n\n| |", s.name)
		for _, c := range columns {
			fmt.Fprintf(&b, " %s |", c.title)
		}
		b.WriteString("\n|---|" + strings.Repeat("---:|", len(columns)) + "\n")
		for _, target := range []string{direct, floor, gateway} {
			fmt.Fprintf(&b, "| %s |", target)
			for _, c := range columns {
				fmt.Fprintf(&b, " %s |", c.cell(runs, s.name, target))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
