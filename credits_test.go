package sallyport_test

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

func TestCredits_String(t *testing.T) {
	for _, test := range []struct {
		amount sallyport.Credits
		want   string
	}{
		{0, "0"}, {1, "0.000001"}, {sallyport.Credit, "1"}, {12_500_000, "12.5"}, {-12_500_000, "-12.5"},
		{-1, "-0.000001"}, {1_000_001, "1.000001"}, {100 * sallyport.Credit, "100"},
		{math.MaxInt64, "9223372036854.775807"}, {math.MinInt64, "-9223372036854.775808"},
	} {
		if got := test.amount.String(); got != test.want {
			t.Errorf("%d: got %q, want %q", int64(test.amount), got, test.want)
		}
	}
}

func TestParseCredits(t *testing.T) {
	for _, test := range []struct {
		text string
		want sallyport.Credits
	}{
		{"0", 0}, {"1", 1_000_000}, {"12.5", 12_500_000}, {"-3", -3_000_000}, {".5", 500_000}, {"5.", 5_000_000},
		{"0.000001", 1}, {"-0.000001", -1}, {"007", 7_000_000}, {"9223372036854.775807", math.MaxInt64},
	} {
		got, err := sallyport.ParseCredits(test.text)
		if err != nil || got != test.want {
			t.Errorf("%q: got %d, %v; want %d", test.text, got, err, test.want)
		}
	}
}

func TestParseCredits_refuses(t *testing.T) {
	for _, text := range []string{
		"", ".", "-", "-.", "+1", "--1", "1-", "1.-5", "1_000", "1,5", "1e3", "0x10", " 1", "1 ", "1.2.3", "NaN", "Inf", "١",
		"0.0000001", "9223372036854.775808", "99999999999999999999",
	} {
		if got, err := sallyport.ParseCredits(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func TestCredits_round_trip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		amount := sallyport.Credits(int64(rnd.Uint64()) >> rnd.IntN(64))
		if amount == math.MinInt64 {
			continue // no int64 has its magnitude
		}
		if got, err := sallyport.ParseCredits(amount.String()); err != nil || got != amount {
			t.Fatalf("%d was written as %s and read as %d, %v", int64(amount), amount, int64(got), err)
		}
	}
}

func FuzzParseCredits(f *testing.F) {
	for _, seed := range []string{"12.5", "-3", ".5", "1e3", "0.000001", "9223372036854.775807"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		amount, err := sallyport.ParseCredits(text)
		if err != nil {
			return
		}
		if again, err := sallyport.ParseCredits(amount.String()); err != nil || again != amount {
			t.Errorf("%q is %d, written as %s, read as %d, %v", text, int64(amount), amount, int64(again), err)
		}
	})
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]sallyport.Rate{
		"0": 0, "2.5": 2_500_000, "0.075": 75_000, "1000000": sallyport.RateMax,
	} {
		got, err := sallyport.ParseRate(text)
		if err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
		if again, err := sallyport.ParseRate(got.String()); err != nil || again != got {
			t.Errorf("%q: written as %s, read as %d, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"-1", "-0.000001", "1000000.000001", "0.0000001", "", "free"} {
		if got, err := sallyport.ParseRate(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func TestRate_text(t *testing.T) {
	var rate sallyport.Rate
	if err := rate.UnmarshalText([]byte("2.5")); err != nil || rate != 2_500_000 {
		t.Errorf("got %d, %v; want 2500000", rate, err)
	}
	if text, err := rate.MarshalText(); err != nil || string(text) != "2.5" {
		t.Errorf("got %q, %v; want 2.5", text, err)
	}
}

func TestPrice_Cost(t *testing.T) {
	price := sallyport.Price{Input: 2_500_000, CachedInput: 1_250_000, CacheWrite: 3_125_000, Output: 10_000_000}
	for _, test := range []struct {
		usage sallyport.Usage
		want  sallyport.Credits
	}{
		{sallyport.Usage{}, 0},
		{sallyport.Usage{Input: 2}, 5},
		{sallyport.Usage{Input: 1}, 3},                 // 2.5
		{sallyport.Usage{Input: 1, CachedInput: 1}, 4}, // 3.75: rounded once, not twice
		{sallyport.Usage{CacheWrite: 8}, 25},
		{sallyport.Usage{Output: 100, Reasoning: 90}, 1000}, // reasoning is output, not more
		{sallyport.Usage{Input: 1_000_000, Output: 1_000_000}, 12_500_000},
	} {
		if got, err := price.Cost(test.usage); err != nil || got != test.want {
			t.Errorf("%+v: got %d, %v; want %d", test.usage, got, err, test.want)
		}
	}
	price.Reasoning = 20_000_000
	for usage, want := range map[sallyport.Usage]sallyport.Credits{
		{Output: 100}:                  1000,
		{Output: 100, Reasoning: 90}:   1900,
		{Output: 100, Reasoning: 100}:  2000,
		{Output: 100, Reasoning: 1000}: 2000, // no more than there is
	} {
		if got, err := price.Cost(usage); err != nil || got != want {
			t.Errorf("%+v with a price of reasoning: got %d, %v; want %d", usage, got, err, want)
		}
	}
	if got, err := price.Cost(sallyport.Usage{Output: 1, Reasoning: -1}); err == nil {
		t.Errorf("negative reasoning: got %d, want an error", got)
	}
}

func TestPrice_Cost_refuses(t *testing.T) {
	most := int64(math.MaxInt64)
	for _, test := range []struct {
		name    string
		price   sallyport.Price
		usage   sallyport.Usage
		tooDear bool
	}{
		{"negative tokens", sallyport.Price{Input: 1}, sallyport.Usage{Input: -1}, false},
		{"negative tokens that cost nothing", sallyport.Price{}, sallyport.Usage{Output: -1}, false},
		{"a negative price", sallyport.Price{Output: -1}, sallyport.Usage{Output: 1}, false},
		{"too dear by one part", sallyport.Price{Input: sallyport.RateMax}, sallyport.Usage{Input: most}, true},
		{"the largest numbers there are", sallyport.Price{
			Input: math.MaxInt64, CachedInput: math.MaxInt64, CacheWrite: math.MaxInt64, Output: math.MaxInt64,
		}, sallyport.Usage{Input: most, CachedInput: most, CacheWrite: most, Output: most}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			cost, err := test.price.Cost(test.usage)
			if err == nil || errors.Is(err, sallyport.ErrTooDear) != test.tooDear {
				t.Errorf("got %d, %v", cost, err)
			}
		})
	}
}

// Cost is what arithmetic without bounds says, or an error: never a number that wrapped.
func TestPrice_Cost_is_exact(t *testing.T) {
	for seed := range uint64(20_000) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		count := func() int64 { return int64(rnd.Uint64()>>1) >> rnd.IntN(64) }
		usage := sallyport.Usage{Input: count(), CachedInput: count(), CacheWrite: count(), Output: count()}
		price := sallyport.Price{
			Input: sallyport.Rate(count()), CachedInput: sallyport.Rate(count()),
			CacheWrite: sallyport.Rate(count()), Output: sallyport.Rate(count()),
		}
		want := exactCost(price, usage)
		got, err := price.Cost(usage)
		switch {
		case err == nil && want.Cmp(big.NewInt(int64(got))) != 0:
			t.Fatalf("seed %d: %+v at %+v: got %d, want %s", seed, usage, price, got, want)
		case err != nil && want.Cmp(big.NewInt(1<<62)) <= 0:
			t.Fatalf("seed %d: %+v at %+v costs %s: %v", seed, usage, price, want, err)
		}
	}
}

func exactCost(p sallyport.Price, u sallyport.Usage) *big.Int {
	sum := big.NewInt(999_999) // rounds up
	for _, part := range [][2]int64{
		{u.Input, int64(p.Input)}, {u.CachedInput, int64(p.CachedInput)},
		{u.CacheWrite, int64(p.CacheWrite)}, {u.Output, int64(p.Output)},
	} {
		sum.Add(sum, new(big.Int).Mul(big.NewInt(part[0]), big.NewInt(part[1])))
	}
	return sum.Div(sum, big.NewInt(1_000_000))
}

// More of anything never costs less, and one bill for two uses is at most what
// two bills are.
func TestPrice_Cost_is_monotonic(t *testing.T) {
	for seed := range uint64(5000) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		use := func() sallyport.Usage {
			return sallyport.Usage{Input: rnd.Int64N(1e6), CachedInput: rnd.Int64N(1e6), CacheWrite: rnd.Int64N(1e6), Output: rnd.Int64N(1e6)}
		}
		rate := func() sallyport.Rate { return sallyport.Rate(rnd.Int64N(int64(sallyport.RateMax)) >> rnd.IntN(40)) }
		price := sallyport.Price{Input: rate(), CachedInput: rate(), CacheWrite: rate(), Output: rate()}
		a, b := use(), use()
		both := sallyport.Usage{
			Input: a.Input + b.Input, CachedInput: a.CachedInput + b.CachedInput,
			CacheWrite: a.CacheWrite + b.CacheWrite, Output: a.Output + b.Output,
		}
		costA, costB, costBoth := cost(t, price, a), cost(t, price, b), cost(t, price, both)
		if costBoth < max(costA, costB) || costBoth > costA+costB || costBoth < costA+costB-1 {
			t.Fatalf("seed %d: %d and %d, together %d", seed, costA, costB, costBoth)
		}
	}
}

func cost(t *testing.T, p sallyport.Price, u sallyport.Usage) sallyport.Credits {
	t.Helper()
	c, err := p.Cost(u)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUsage_Total(t *testing.T) {
	u := sallyport.Usage{Input: 1, CachedInput: 20, CacheWrite: 300, Output: 4000, Reasoning: 3000}
	if got := u.Total(); got != 4321 {
		t.Errorf("got %d, want 4321: reasoning is a part of output", got)
	}
}
