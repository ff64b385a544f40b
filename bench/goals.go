package main

import (
	"math"
	"time"
)

// goal is a target of performance: what is measured must be at most the limit, or
// at least. A measurement that has nothing to say of it measures NaN.
type goal struct {
	about    string
	scenario string // "": all of them
	target   string
	format   string
	measured func(m measurement) float64
	limit    func(m measurement) float64
	least    bool
	profiled bool // a CPU profile says why it is missed
}

// verdict is what a measurement says of a goal.
type verdict struct {
	goal
	was, allowed float64
	held         bool
}

// judge leaves out what was not measured. A figure that a run should have had and
// has not is missed.
func judge(m measurement) (verdicts []verdict) {
	for _, k := range kinds {
		for _, g := range goalsOf(k) {
			v := verdict{goal: g, was: g.measured(m), allowed: g.limit(m)}
			if math.IsNaN(v.was) && math.IsNaN(m.sum(g.target, g.scenario, failures)) {
				continue
			}
			v.held = v.was <= v.allowed
			if g.least {
				v.held = v.was >= v.allowed
			}
			verdicts = append(verdicts, v)
		}
	}
	return verdicts
}

// goalsOf are the goals of a kind of gateway. What work costs is judged where
// every call is on the disk, latency in both forms of durability.
func goalsOf(k kind) []goal {
	goals := []goal{
		k.addedTime("added p99, ms", plainAlone, p99, 1.2, 2, commit.ms99),
		k.addedTime("first chunk: added p50, ms", streamAlone, first50, 0.6, 1, commit.ms50),
		k.addedTime("added p50, ms", plainSlow, p50, 1, 2, commit.ms50),
		{about: "memory before the first call, MiB", target: k.name, format: "%.0f", limit: constant(60),
			measured: func(m measurement) float64 { return orNone(m.idle[k.name]) }},
		k.of("memory at its peak, MiB", plainMany, memoryAtPeak, "%.0f", 200),
		k.of("memory at its peak, MiB", streamMany, memoryAtPeak, "%.0f", 200),
		{about: "answers without intent or outcome in the trail", target: k.name, format: "%.0f", limit: constant(0),
			measured: func(m measurement) float64 { return m.sum(k.name, "", func(r result) int { return r.lost }) }},
		{about: "failed calls", target: k.name, format: "%.0f", limit: constant(0),
			measured: func(m measurement) float64 { return m.sum(k.name, "", failures) }},
	}
	if k.durability != "strict" {
		return goals
	}
	rate := k.of("answers/s, × floor", plainSmall, perSecondOfFloor, "%.2f", 0.4)
	alone := k.of("pieces of 200 that come alone", streamPaced, pieces, "%.1f", 200)
	rate.least, alone.least = true, true
	rate.profiled = true
	return append([]goal{
		k.cost("CPU per answer, × floor", plainSmall, 2.3),
		rate,
		k.cost("CPU per answer, × floor", plainUnscanned, 2.5),
		k.cost("CPU per answer, × floor", plainLarge, 4.4),
		k.translation(plainMessages),
		k.translation(plainResponses),
		k.cost("CPU per stream, × floor", streamPaced, 1.6),
		alone,
		{about: "streams that are short", scenario: streamPacedMany, target: k.name, format: "%.0f", limit: constant(0),
			measured: func(m measurement) float64 { return m.sum(k.name, streamPacedMany, failures) }},
		k.of("gap between pieces: p50 off the provider's, ms", streamPacedMany, gapOff, "%.2f", 1),
	}, goals...)
}

// of is a goal for a figure of one scenario: at most the limit.
func (k kind) of(about, scenario string, f figure, format string, limit float64) goal {
	return goal{about: about, scenario: scenario, target: k.name, format: format, limit: constant(limit),
		measured: func(m measurement) float64 { return m.figure(f, scenario, k.name) }}
}

func (k kind) cost(about, scenario string, limit float64) goal {
	g := k.of(about, scenario, cpuOfFloor, "%.2f", limit)
	g.profiled = true
	return g
}

// translation is a goal for callers of another dialect than the provider's: what
// it costs beside passing the same prompt on.
func (k kind) translation(scenario string) goal {
	return goal{about: "CPU per answer, × passed on", scenario: scenario, target: k.name, format: "%.2f", limit: constant(3), profiled: true,
		measured: func(m measurement) float64 {
			return m.figure(cpu, scenario, k.name) / m.figure(cpu, plainLarge, k.name)
		}}
}

// addedTime is a goal for what the gateway adds to a time: at most the limit, and
// where every call is on the disk before it goes on, so many commits of one row.
func (k kind) addedTime(about, scenario string, of func(r result) time.Duration, limit float64, commits int, took func(commit) float64) goal {
	g := k.of(about, scenario, added(of), "%.2f", limit)
	g.profiled = true
	if k.durability == "strict" {
		g.limit = func(m measurement) float64 { return limit + float64(commits)*m.commit(k.database, took) }
	}
	return g
}

func constant(limit float64) func(measurement) float64 {
	return func(measurement) float64 { return limit }
}

func (c commit) ms50() float64 { return ms(c.p50) }
func (c commit) ms99() float64 { return ms(c.p99) }

// commit is the median over the rounds.
func (m measurement) commit(database string, took func(commit) float64) float64 {
	var all []float64
	for _, c := range m.commits {
		if c.database == database {
			all = append(all, took(c))
		}
	}
	return median(all)
}

func failures(r result) int { return r.failed }

// sum counts over all rounds, of one scenario or of all; NaN: there was no run.
func (m measurement) sum(target, scenario string, of func(result) int) float64 {
	sum := math.NaN()
	for _, r := range m.runs {
		if r.target == target && (scenario == "" || r.scenario == scenario) {
			sum = float64(of(r)) + orZero(sum)
		}
	}
	return sum
}

func orZero(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}
