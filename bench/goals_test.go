package main

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// A goal that names what is never measured would never be missed.
func TestGoalsAreMeasured(t *testing.T) {
	for _, k := range kinds {
		for _, g := range goalsOf(k) {
			if g.target != k.name {
				t.Errorf("%s: the target of %q is %q", k.name, g.about, g.target)
			}
			if g.scenario != "" && !slices.Contains(named(t, g.scenario).targets, k.name) {
				t.Errorf("%s: %q needs the scenario %q, which is not measured there", k.name, g.about, g.scenario)
			}
		}
	}
}

// judged finds what is said of the first goal about such.
func judged(t *testing.T, m measurement, target, scenario, about string) verdict {
	t.Helper()
	i := slices.IndexFunc(judge(m), func(v verdict) bool {
		return v.target == target && v.scenario == scenario && strings.HasPrefix(v.about, about)
	})
	if i < 0 {
		t.Fatalf("nothing is said of %q, %s, %s", about, target, scenario)
	}
	return judge(m)[i]
}

func TestJudge(t *testing.T) {
	m := measurement{
		idle: map[string]float64{sqliteStrict: 61, sqliteRelaxed: 60},
		commits: []commit{
			{sqlite, 0, 2 * time.Millisecond, 5 * time.Millisecond},
			{sqlite, 1, 4 * time.Millisecond, 7 * time.Millisecond},
			{postgres, 0, time.Second, time.Second},
		},
	}
	run := func(scenario, target string, of func(*result)) {
		r := result{scenario: scenario, target: target, answers: 100}
		of(&r)
		m.runs = append(m.runs, r)
	}
	for _, scenario := range []string{plainSmall, plainAlone, streamAlone, plainSlow} {
		run(scenario, direct, func(r *result) { r.p50, r.p99, r.first50 = 10, 10, 10 })
		run(scenario, floor, func(r *result) { r.perSecond, r.cpu = 1000, 100 })
	}
	afterMS := func(added float64) time.Duration { return 10 + time.Duration(added*float64(time.Millisecond)) }
	run(plainSmall, sqliteStrict, func(r *result) { r.perSecond, r.cpu = 399, 230; r.failed = 2 })
	run(plainAlone, sqliteStrict, func(r *result) { r.p99 = afterMS(13.1); r.lost = 1 })
	run(plainAlone, sqliteRelaxed, func(r *result) { r.p99 = afterMS(1.3) })
	run(streamAlone, sqliteStrict, func(r *result) { r.first50 = afterMS(3.61) })
	run(plainSlow, sqliteStrict, func(r *result) { r.p50 = afterMS(6.5); r.lost = 2 })
	run(streamPaced, sqliteStrict, func(r *result) { r.pieces = 199.9 })
	run(streamPacedMany, direct, func(r *result) { r.gap50 = 11 * time.Millisecond })
	run(streamPacedMany, sqliteStrict, func(r *result) { r.gap50 = 10 * time.Millisecond; r.failed = 1 })

	for _, test := range []struct {
		target, scenario, about string
		was, allowed            float64
		held                    bool
	}{
		{sqliteStrict, plainSmall, "CPU", 2.3, 2.3, true},
		{sqliteStrict, plainSmall, "answers/s", 0.399, 0.4, false},
		{sqliteStrict, plainAlone, "added p99", 13.1, 1.2 + 2*6, true},
		{sqliteRelaxed, plainAlone, "added p99", 1.3, 1.2, false},
		{sqliteStrict, streamAlone, "first chunk", 3.61, 0.6 + 3, false},
		{sqliteStrict, plainSlow, "added p50", 6.5, 1 + 2*3, true},
		{sqliteStrict, streamPaced, "pieces", 199.9, 200, false},
		{sqliteStrict, streamPacedMany, "gap", 1, 1, true},
		{sqliteStrict, streamPacedMany, "streams that are short", 1, 0, false},
		{sqliteStrict, "", "memory before", 61, 60, false},
		{sqliteRelaxed, "", "memory before", 60, 60, true},
		{sqliteStrict, "", "answers without", 3, 0, false},
		{sqliteStrict, "", "failed calls", 3, 0, false},
		{sqliteRelaxed, "", "failed calls", 0, 0, true},
	} {
		v := judged(t, m, test.target, test.scenario, test.about)
		if math.Abs(v.was-test.was) > 1e-9 || math.Abs(v.allowed-test.allowed) > 1e-9 || v.held != test.held {
			t.Errorf("%s, %s, %s: %v of %v, held %t; want %v of %v, %t",
				test.target, test.scenario, v.about, v.was, v.allowed, v.held, test.was, test.allowed, test.held)
		}
	}
	run(plainLarge, sqliteStrict, func(r *result) { r.answers, r.failed = 0, 1 })
	if v := judged(t, m, sqliteStrict, plainLarge, "CPU"); v.held {
		t.Errorf("%q is held by a gateway that answered nothing", v.about)
	}
	for _, v := range judge(m) {
		if v.target == postgresStrict || v.scenario == plainUnscanned {
			t.Errorf("%q is judged, which was not measured", v.scenario+": "+v.about)
		}
	}
}
