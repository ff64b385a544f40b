package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

const top = `File: sallyport
Type: cpu
Duration: 5.01s, Total samples = 3.21s (64.07%)
Showing nodes accounting for 3.21s, 100% of 3.21s total
      flat  flat%   sum%        cum   cum%
     0.52s 16.20% 16.20%      0.52s 16.20%  internal/runtime/syscall/linux.Syscall6
     0.20s  6.25% 22.45%      1.40s 43.61%  github.com/sallyport-ai/sallyport/internal/journal.(*Journal).write
     0.04s  1.25% 23.70%      1.40s 43.61%  github.com/sallyport-ai/sallyport/internal/journal.(*Journal).settle (inline)
         0     0% 23.70%      0.30s  9.35%  runtime.gcBgMarkWorker
     0.02s  0.50% 24.20%      0.02s  0.50%  runtime.memmove
         0     0% 24.20%      0.64s 19.94%  github.com/sallyport-ai/sallyport.Hold[go.shape.struct { a/b.C }]
`

func TestParseTop(t *testing.T) {
	p, err := parseTop(top)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ got, want []share }{
		"packages": {p.packages, []share{
			{"internal/runtime/syscall/linux", 16.20}, {"journal", 7.50},
		}},
		"functions": {p.functions, []share{
			{"journal.(*Journal).settle", 43.61}, {"sallyport.Hold[go.shape.struct { a/b.C }]", 19.94}, {"runtime.gcBgMarkWorker", 9.35},
		}},
	} {
		if !slices.EqualFunc(c.got, c.want, func(a, b share) bool { return a.name == b.name && math.Abs(a.percent-b.percent) < 1e-9 }) {
			t.Errorf("%s = %v, want %v", name, c.got, c.want)
		}
	}
	for _, bad := range []string{"", "failed to fetch", strings.Replace(top, "16.20%", "many", 1), top + "0 0% 1%\n"} {
		if p, err := parseTop(bad); err == nil {
			t.Errorf("parseTop(%q) = %v, want an error", bad, p)
		}
	}
}

func TestParseTopShowsTheLargest(t *testing.T) {
	long := top
	for i := range 3 * sharesMost {
		long += fmt.Sprintf("1s 1%% 1%% 1s %d%% github.com/sallyport-ai/sallyport/internal/p%d.f\n", i+50, i)
	}
	p, err := parseTop(long)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.functions) != sharesMost || p.functions[0].percent != 3*sharesMost+49 || len(p.packages) != sharesMost {
		t.Errorf("%d packages, functions %v, want the %d largest", len(p.packages), p.functions, sharesMost)
	}
}

func TestPackageOf(t *testing.T) {
	for function, want := range map[string]string{
		"runtime.memmove":                                           "runtime",
		"net/http.(*conn).serve":                                    "net/http",
		"github.com/jackc/pgx/v5.(*Conn).Exec":                      "github.com/jackc/pgx/v5",
		"modernc.org/sqlite/lib._sqlite3Step":                       "modernc.org/sqlite/lib",
		"slices.SortFunc[go.shape.[]github.com/a/b.c,go.shape.d/e]": "slices",
		"cmpbody": "runtime",
	} {
		if got := packageOf(function); got != want {
			t.Errorf("packageOf(%q) = %q, want %q", function, got, want)
		}
	}
}
