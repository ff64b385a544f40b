package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMain lets the tests start this program as provider and proxies, as the
// program itself does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{mockMode, floorMode, bareMode}, os.Args[1]) {
		if err := run(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestChosen(t *testing.T) {
	for _, test := range []struct {
		only, postgres string
		scenarios      int
		targets        []string
	}{
		{"", "postgres://x", len(scenarios), []string{direct, floor, sqliteStrict, sqliteRelaxed, postgresStrict, postgresRelaxed, bare}},
		{"", "", len(scenarios), []string{direct, floor, sqliteStrict, sqliteRelaxed, bare}},
		{"^" + plainSmall + ": sallyport, SQLite strict", "postgres://x", 1, []string{direct, floor, sqliteStrict}},
		{"60 ms.*PostgreSQL", "postgres://x", 1, []string{direct, floor, postgresStrict, postgresRelaxed}},
		{"60 ms.*PostgreSQL", "", 0, nil},
		{"60 ms.*: direct", "", 1, []string{direct, floor}},
		{"no such thing", "postgres://x", 0, nil},
	} {
		got := chosen(options{only: regexp.MustCompile(test.only), postgres: test.postgres})
		if len(got) != test.scenarios || !slices.Equal(namesOf(got), test.targets) {
			t.Errorf("%q, %q: %d scenarios on %v, want %d on %v", test.only, test.postgres, len(got), namesOf(got), test.scenarios, test.targets)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		args   []string
		rounds int
		short  bool
	}{
		{nil, 3, false},
		{[]string{"-short"}, 1, true},
		{[]string{"-short", "-rounds", "2"}, 2, true},
		{[]string{"-rounds", "5"}, 5, false},
	} {
		o, err := parseOptions(test.args)
		if err != nil || o.rounds != test.rounds || o.short != test.short {
			t.Errorf("%q: %d rounds, short %t, %v, want %d, %t", test.args, o.rounds, o.short, err, test.rounds, test.short)
		}
	}
	for _, bad := range [][]string{{"-rounds", "-1"}, {"-only", "("}} {
		if _, err := parseOptions(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// Everything but the gateway, which is built elsewhere.
func TestMeasure(t *testing.T) {
	folder := t.TempDir()
	m, err := measure(t.Context(), options{
		binary: filepath.Join(folder, "sallyport"), rounds: 1, short: true,
		only: regexp.MustCompile("^" + plainSmall + ": direct|^" + plainEarly + ": bare"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range m.runs {
		got = append(got, r.scenario+": "+r.target)
		if r.answers == 0 || r.perSecond <= 0 || r.p50 <= 0 {
			t.Errorf("%s, %s: %+v", r.scenario, r.target, r)
		}
		if served := r.target != direct; served != (r.memoryPeak > 0) || served != (r.cpu > 0) || r.memoryPeak < r.memoryBefore {
			t.Errorf("%s, %s: CPU %v, memory %v to %v", r.scenario, r.target, r.cpu, r.memoryBefore, r.memoryPeak)
		}
	}
	want := []string{plainSmall + ": direct", plainSmall + ": floor", plainEarly + ": direct", plainEarly + ": floor", plainEarly + ": bare"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("measured %q, want %q", got, want)
	}
	if len(m.verdicts) > 0 {
		t.Errorf("there are verdicts without a gateway: %v", m.verdicts)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind, %v", left, err)
	}
}

// What has been started ends when something else does not start.
func TestMeasureWithoutGateway(t *testing.T) {
	folder := t.TempDir()
	_, err := measure(t.Context(), options{
		binary: filepath.Join(folder, "sallyport"), rounds: 1, only: regexp.MustCompile(plainSmall + ": " + sqliteStrict),
	})
	if err == nil || !strings.Contains(err.Error(), "start "+sqliteStrict) {
		t.Errorf("err = %v, want one that tells what did not start", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind, %v", left, err)
	}
}
