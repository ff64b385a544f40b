package main

import (
	"strings"
	"testing"
)

func TestMarkdown(t *testing.T) {
	m := threeRounds()
	m.profiles = []profile{{
		scenario: plainSmall, target: sqliteStrict,
		packages:  []share{{"runtime", 28.94}, {"net/http", 2}},
		functions: []share{{"journal.(*Journal).write", 44.1}},
	}}
	report := markdown(m, "go run ./bench -o x.md ", "2 cores, go1.2.3")
	for _, want := range []string{
		"\n    go run ./bench -o x.md\n",
		"\non 2 cores, go1.2.3, in rounds: 3.",
		"\nHeld: 3 of 5.\n",
		"\n### " + sqliteStrict + "\n\n| | target | measured | |\n",
		"\n| plain, 1 KB, 32 callers: CPU per answer, × floor | ≤ 2.30 | 5.00 | **missed** |\n",
		"\n| plain, 1 KB, 32 callers: answers/s, × floor | ≥ 0.40 | 0.50 | held |\n",
		"\n| failed calls | ≤ 0 | 3000 | **missed** |\n",
		"\nA durable commit of one row to SQLite took 2.00 ms (p50), 5.00 ms (p99). ",
		"\n### " + sqliteStrict + ", plain, 1 KB, 32 callers\n\n| package | % | function | % |\n",
		"\n| `runtime` | 28.9 | `journal.(*Journal).write` | 44.1 |\n| `net/http` | 2.0 |  |  |\n",
		"\n## plain, 1 KB, 32 callers\n",
		"\n| direct | 1000 | 2.00 | 0.50 | 0.50 | 1.00 | 2.00 | – | – | – | – | – | 50 | 70 | 0.00 |\n",
		"\n| floor | 500 | 1.00 | 1.00 | 1.00 | 2.00 | 4.00 | +0.50 | +1.00 | +2.00 | 200 | 1.00 | 50 | 70 | 0.00 |\n",
		"\n| " + sqliteStrict + " | 250 | 0.50 | 3.00 | 3.00 | 6.00 | 12.00 | +2.50 | +5.00 | +10.00 | 1000 | 5.00 | 50 | 70 | 50.00 |\n",
		"\nNoise: floor 50 to 500 answers/s; other programs used 0.25 cores (median), 0.25 at most.\n",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q:\n%s", want, report)
		}
	}
	for _, unwanted := range []string{postgresStrict, "PostgreSQL took", "the bare proxy broke"} {
		if strings.Contains(report, unwanted) {
			t.Errorf("the report tells of %q, which was not measured", unwanted)
		}
	}
}
