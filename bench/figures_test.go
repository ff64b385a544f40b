package main

import (
	"math"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, c := range []struct {
		name   string
		sorted []time.Duration
		q      float64
		want   time.Duration
	}{
		{"none", nil, 0.5, 0},
		{"one", []time.Duration{7}, 0.99, 7},
		{"lowest", hundred, 0, 1},
		{"half", hundred, 0.5, 50},
		{"nearly all", hundred, 0.99, 99},
		{"all", hundred, 1, 100},
		{"half of three", []time.Duration{1, 2, 9}, 0.5, 2},
	} {
		if got := quantile(c.sorted, c.q); got != c.want {
			t.Errorf("%s: quantile(%v) = %d, want %d", c.name, c.q, got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 9, 2}, 3},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v, want NaN", got)
	}
	values := []float64{2, 1}
	median(values)
	if values[0] != 2 {
		t.Error("median sorted the caller's values")
	}
}

func TestTake(t *testing.T) {
	var r result
	r.take(tally{
		answers: 4, failed: 1, finished: 3, elapsed: 2 * time.Second, pieces: 10,
		first: []time.Duration{3, 1, 2}, whole: []time.Duration{9, 8, 7, 6}, gaps: []time.Duration{5, 4},
	})
	want := result{answers: 4, failed: 1, perSecond: 1.5, pieces: 2.5, first50: 2, first99: 3, p50: 7, p99: 9, gap50: 4}
	if r != want {
		t.Errorf("got %+v, want %+v", r, want)
	}
}

// threeRounds has a second round in which the machine was ten times slower.
func threeRounds() measurement {
	m := measurement{rounds: 3, idle: map[string]float64{direct: 9, floor: 9, sqliteStrict: 50}}
	s := scenarios[1]
	s.targets = []string{direct, floor, sqliteStrict}
	m.scenarios = []scenario{s}
	for round, slow := range []float64{1, 10, 1} {
		made := func(target string, perSecond, each, cpu float64) {
			whole := time.Duration(each * slow * float64(time.Millisecond))
			m.runs = append(m.runs, result{
				scenario: s.name, target: target, round: round, answers: 1000, perSecond: perSecond / slow,
				first50: whole / 2, first99: whole / 2, p50: whole, p99: 2 * whole, cpu: cpu * slow,
				memoryBefore: 50, memoryPeak: 70, others: 0.25,
			})
		}
		made(sqliteStrict, 250, 6, 1000)
		made(direct, 1000, 1, 0)
		made(floor, 500, 2, 200)
		m.commits = append(m.commits, commit{sqlite, round, 2 * time.Millisecond, 5 * time.Millisecond})
	}
	m.runs[0].failed = 3000
	m.verdicts = judge(m)
	return m
}

func TestFigures(t *testing.T) {
	m := threeRounds()
	none := math.NaN()
	for _, c := range []struct {
		name                   string
		figure                 figure
		direct, floor, gateway float64
	}{
		{"perSecond", perSecond, 1000, 500, 250},
		{"perSecondOfFloor", perSecondOfFloor, 2, 1, 0.5},
		{"first50", inMS(first50), 0.5, 1, 3},
		{"p99", inMS(p99), 2, 4, 12},
		{"added p50", added(p50), none, 1, 5},
		{"cpu", cpu, none, 200, 1000},
		{"cpuOfFloor", cpuOfFloor, none, 1, 5},
		{"memoryAtPeak", memoryAtPeak, 70, 70, 70},
		{"pieces", pieces, none, none, none},
	} {
		for target, want := range map[string]float64{direct: c.direct, floor: c.floor, sqliteStrict: c.gateway} {
			if got := m.figure(c.figure, scenarios[1].name, target); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Errorf("%s of %s = %v, want %v", c.name, target, got, want)
			}
		}
	}
}
