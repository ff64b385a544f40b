package main

import (
	"math"
	"strings"
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

// made is a result of answers that all took as long, in one second.
func made(target string, round, answers int, each, cpu time.Duration) result {
	timings := make([]timing, answers)
	for i := range timings {
		timings[i] = timing{first: each / 2, whole: each}
	}
	r := newResult(scenarios[0].name, target, time.Second, timings)
	r.round, r.cpu = round, cpu
	return r
}

// threeRounds has a second round in which the machine was ten times slower.
func threeRounds() []result {
	var runs []result
	for round, slow := range []time.Duration{1, 10, 1} {
		ms := slow * time.Millisecond
		answers := 1000 / int(slow)
		runs = append(runs,
			made(gateway, round, answers/4, 6*ms, 250*time.Millisecond),
			made(direct, round, answers, 1*ms, 0),
			made(floor, round, answers/2, 2*ms, 100*time.Millisecond))
	}
	return runs
}

func TestCells(t *testing.T) {
	runs := threeRounds()
	for _, c := range []struct{ title, direct, floor, gateway string }{
		{"answers/s", "1000", "500", "250"},
		{"first byte p50 ms", "0.50", "1.00", "3.00"},
		{"p50 ms", "1.00", "2.00", "6.00"},
		{"p99 ms", "1.00", "2.00", "6.00"},
		{"added p50 ms", "–", "+1.00", "+5.00"},
		{"added p99 ms", "–", "+1.00", "+5.00"},
		{"CPU µs/answer", "–", "200", "1000"},
		{"CPU × floor", "–", "1.00", "5.00"},
		{"answers/s × floor", "2.00", "1.00", "0.50"},
	} {
		i := 0
		for i < len(columns) && columns[i].title != c.title {
			i++
		}
		if i == len(columns) {
			t.Errorf("there is no column %q", c.title)
			continue
		}
		for target, want := range map[string]string{direct: c.direct, floor: c.floor, gateway: c.gateway} {
			if got := columns[i].cell(runs, scenarios[0].name, target); got != want {
				t.Errorf("%s of %s = %q, want %q", c.title, target, got, want)
			}
		}
	}
}

func TestMarkdown(t *testing.T) {
	report := markdown(threeRounds(), "go run ./bench -o x.md ", "2 cores, go1.2.3")
	for _, want := range []string{
		"\n    go run ./bench -o x.md\n",
		"\non 2 cores, go1.2.3, in rounds: 3.",
		"\n| floor | 500 | 1.00 | 2.00 | 2.00 | +1.00 | +1.00 | 200 | 1.00 | 1.00 |\n",
		"\n| sallyport | 250 | 3.00 | 6.00 | 6.00 | +5.00 | +5.00 | 1000 | 5.00 | 0.50 |\n",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q:\n%s", want, report)
		}
	}
	if got := strings.Count(report, "\n## "); got != len(scenarios) {
		t.Errorf("the report has %d tables, want %d", got, len(scenarios))
	}
}

func TestParseCPU(t *testing.T) {
	const stat = "4711 (a (bad) name 9) S 1 4711 4711 0 -1 4194304 500 0 0 0 123 77 0 0 20 0 9 0 100 1000 200 18446744073709551615"
	got, err := parseCPU(stat)
	if err != nil || got != 2*time.Second {
		t.Errorf("parseCPU = %v, %v, want 2s", got, err)
	}
	for _, bad := range []string{"", "1 (x) S 1 2 3", strings.Replace(stat, "123", "many", 1)} {
		if got, err := parseCPU(bad); err == nil {
			t.Errorf("parseCPU(%q) = %v, want an error", bad, got)
		}
	}
}
