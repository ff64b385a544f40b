package credit

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// request makes a request with one message of text and images.
func request(t testing.TB, text string, images ...string) (*llm.Request, int64) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"text": text, "images": images})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := llm.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	parts := []llm.Part{{Kind: llm.TextPart, Text: doc.Root().Get("text")}}
	doc.Root().Get("images").Items(func(_ int, image llm.Value) bool {
		parts = append(parts, llm.Part{Kind: llm.ImagePart, URL: image})
		return true
	})
	return &llm.Request{
		Body: doc, Choices: 1, Messages: []llm.Message{{Role: llm.RoleUser, Parts: parts}},
	}, int64(len(body))
}

func TestBound_output(t *testing.T) {
	for _, test := range []struct {
		name             string
		asked, choices   int64
		hold, modelBound int64
		want             int64
	}{
		{"the client's bound", 100, 1, 4096, 0, 100},
		{"the client's bound, also above the model's", 9000, 1, 4096, 8192, 9000},
		{"no bound", 0, 1, 4096, 0, 4096},
		{"no bound, the operator's choice", 0, 1, 500, 8192, 500},
		{"no bound, a short model", 0, 1, 4096, 1024, 1024},
		{"nothing said at all", 0, 1, 0, 0, HoldOutput},
		{"several choices", 100, 3, 4096, 0, 300},
		{"several choices without a bound", 0, 3, 4096, 1024, 3072},
		{"no choices is one", 100, 0, 4096, 0, 100},
		{"more than anything", 1 << 62, 1 << 62, 4096, 0, TokensMax},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, size := request(t, "hello")
			req.OutputMax, req.Choices = test.asked, test.choices
			got := Bound(req, sallyport.Model{OutputMax: test.modelBound}, size, test.hold)
			if got.Output != test.want {
				t.Errorf("got %d output tokens, want %d", got.Output, test.want)
			}
		})
	}
}

// Dear reasoning is held for, cheap reasoning is not counted on.
func TestBound_reasoning(t *testing.T) {
	for rate, want := range map[sallyport.Rate]int64{0: 0, 1: 0, 10: 0, 11: 100} {
		req, size := request(t, "hello")
		req.OutputMax = 100
		got := Bound(req, sallyport.Model{Price: sallyport.Price{Output: 10, Reasoning: rate}}, size, 0)
		if got.Output != 100 || got.Reasoning != want {
			t.Errorf("reasoning at %d: got %+v, want %d tokens of reasoning in 100", rate, got, want)
		}
	}
}

func TestBound_input(t *testing.T) {
	image := "data:image/png;base64," + strings.Repeat("iVBORw0KGgo", 50_000)
	for _, test := range []struct {
		name        string
		images      []string
		imageTokens int64
		extra       int64 // beyond the body without image data
	}{
		{"text", nil, 0, 0},
		{"an image", []string{image}, 0, ImageTokens},
		{"two images of a model with a table", []string{image, image}, 1105, 2210},
		{"an image by address", []string{"https://example.com/a.png"}, 0, ImageTokens},
		{"a comma in an address is not a comma of data", []string{"https://example.com/a,b"}, 0, ImageTokens},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, size := request(t, "hello", test.images...)
			data := int64(strings.Count(strings.Join(test.images, ""), "iVBORw0KGgo") * len("iVBORw0KGgo"))
			got := Bound(req, sallyport.Model{ImageTokens: test.imageTokens}, size, 0)
			if want := size - data + test.extra; got.Total()-got.Output != want {
				t.Errorf("got %d input tokens, want %d", got.Total()-got.Output, want)
			}
		})
	}
}

func TestBound_images_within_tool_results(t *testing.T) {
	image := "data:image/png;base64," + strings.Repeat("A", 100_000)
	req, size := request(t, "hello", image)
	inner := req.Messages[0].Parts[1]
	req.Messages[0].Parts = []llm.Part{{Kind: llm.ToolResultPart, Parts: []llm.Part{inner}}}
	got := Bound(req, sallyport.Model{}, size, 0)
	if want := size - 100_000 + ImageTokens; got.Input != want {
		t.Errorf("got %d input tokens, want %d", got.Input, want)
	}
}

func TestBound_counts_input_where_it_is_dearest(t *testing.T) {
	req, size := request(t, "hello")
	for _, test := range []struct {
		price sallyport.Price
		want  sallyport.Usage
	}{
		{sallyport.Price{Input: 3, CachedInput: 1}, sallyport.Usage{Input: size}},
		{sallyport.Price{Input: 3, CachedInput: 1, CacheWrite: 4}, sallyport.Usage{CacheWrite: size}},
		{sallyport.Price{Input: 3, CachedInput: 4}, sallyport.Usage{CachedInput: size}},
		{sallyport.Price{}, sallyport.Usage{Input: size}},
	} {
		got := Bound(req, sallyport.Model{Price: test.price}, size, 0)
		got.Output = 0
		if got != test.want {
			t.Errorf("%+v: got %+v, want %+v", test.price, got, test.want)
		}
	}
}

func TestEstimate(t *testing.T) {
	image := "data:image/png;base64," + strings.Repeat("A", 100_000)
	req, size := request(t, strings.Repeat("word ", 100), image)
	text := size - 100_000
	for _, test := range []struct {
		chars, asked int64
		want         int64
	}{
		{0, 0, 0}, {1, 0, 1}, {4, 0, 1}, {5, 0, 2}, {-7, 0, 0},
		{400, 10, 10}, {400, 1000, 100},
	} {
		req.OutputMax = test.asked
		got := Estimate(req, sallyport.Model{}, size, test.chars)
		want := sallyport.Usage{Input: (text+3)/4 + ImageTokens, Output: test.want}
		if got != want {
			t.Errorf("%d characters, at most %d tokens: got %+v, want %+v", test.chars, test.asked, got, want)
		}
	}
}

func TestClamp(t *testing.T) {
	bound := sallyport.Usage{CacheWrite: 1000, Output: 100}
	for _, test := range []struct {
		name    string
		u, want sallyport.Usage
		clamped bool
	}{
		{"within", sallyport.Usage{Input: 5, CachedInput: 6, CacheWrite: 7, Output: 8, Reasoning: 3},
			sallyport.Usage{Input: 5, CachedInput: 6, CacheWrite: 7, Output: 8, Reasoning: 3}, false},
		{"an overrun is not a mistake", sallyport.Usage{Input: 99_999, Output: 9_999},
			sallyport.Usage{Input: 99_999, Output: 9_999}, false},
		{"negative", sallyport.Usage{Input: -5, CachedInput: -1, CacheWrite: -1 << 63, Output: -8, Reasoning: -2},
			sallyport.Usage{}, true},
		{"negative beside a good one", sallyport.Usage{Input: -5, CachedInput: 20, Output: 8},
			sallyport.Usage{CachedInput: 20, Output: 8}, true},
		{"absurd input", sallyport.Usage{Input: 60_000, CachedInput: 60_000, Output: 8},
			sallyport.Usage{CacheWrite: 1000, Output: 8}, true},
		{"absurd output", sallyport.Usage{Input: 5, Output: 10_001, Reasoning: 5000},
			sallyport.Usage{Input: 5, Output: 100, Reasoning: 100}, true},
		{"beyond everything", sallyport.Usage{Input: 1<<63 - 1, CachedInput: 1<<63 - 1, CacheWrite: 1<<63 - 1, Output: 1<<63 - 1},
			sallyport.Usage{CacheWrite: 1000, Output: 100}, true},
		{"more reasoning than output", sallyport.Usage{Output: 8, Reasoning: 9},
			sallyport.Usage{Output: 8, Reasoning: 8}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, clamped := Clamp(test.u, bound)
			if got != test.want || clamped != test.clamped {
				t.Errorf("got %+v, %v; want %+v, %v", got, clamped, test.want, test.clamped)
			}
		})
	}
}

func TestClamp_of_a_large_bound(t *testing.T) {
	bound := sallyport.Usage{Input: TokensMax, Output: TokensMax}
	got, clamped := Clamp(sallyport.Usage{Input: 2 * TokensMax, Output: 5}, bound)
	if want := (sallyport.Usage{Input: TokensMax, Output: 5}); got != want || !clamped {
		t.Errorf("got %+v, %v; want %+v, true", got, clamped, want)
	}
}

func TestSettle(t *testing.T) {
	price := sallyport.Price{Input: 2_500_000, Output: 10_000_000} // 2.5 and 10 micro-credits a token
	for _, test := range []struct {
		hold    sallyport.Credits
		usage   sallyport.Usage
		cost    sallyport.Credits
		overrun bool
	}{
		{100, sallyport.Usage{}, 0, false},
		{100, sallyport.Usage{Input: 1}, 3, false},
		{100, sallyport.Usage{Input: 40}, 100, false},
		{100, sallyport.Usage{Input: 41}, 103, true},
		{0, sallyport.Usage{Output: 1}, 10, true},
	} {
		cost, overrun, err := Settle(price, test.hold, test.usage)
		if err != nil || cost != test.cost || overrun != test.overrun {
			t.Errorf("%+v held %d: got %d, %v, %v; want %d, %v",
				test.usage, test.hold, cost, overrun, err, test.cost, test.overrun)
		}
	}
	if _, _, err := Settle(price, 100, sallyport.Usage{Input: -1}); err == nil {
		t.Error("negative tokens were priced")
	}
}

// Whatever the request, the prices and the use: what a provider reports within
// its bounds, and every estimate, costs no more than was held.
func TestHoldCoversUse(t *testing.T) {
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		req, size := randomRequest(t, rnd)
		m := sallyport.Model{Price: randomPrice(rnd), ImageTokens: rnd.Int64N(3000), OutputMax: rnd.Int64N(9000)}
		bound := Bound(req, m, size, rnd.Int64N(5000))
		hold, err := m.Price.Cost(bound)
		if err != nil {
			t.Fatalf("seed %d: the bound %+v has no price: %v", seed, bound, err)
		}
		for _, u := range []sallyport.Usage{
			randomUsage(rnd, bound),
			Estimate(req, m, size, rnd.Int64N(4*bound.Output+1)),
		} {
			if clean, clamped := Clamp(u, bound); clamped {
				t.Fatalf("seed %d: %+v within the bound %+v was changed to %+v", seed, u, bound, clean)
			}
			cost, overrun, err := Settle(m.Price, hold, u)
			if err != nil || overrun || cost > hold {
				t.Fatalf("seed %d: use %+v costs %d of the hold %d for %+v (overrun %v, %v)",
					seed, u, cost, hold, bound, overrun, err)
			}
		}
	}
}

// After Clamp every use has a price, at every price, whatever was reported.
func TestClampedUseHasAPrice(t *testing.T) {
	dearest := sallyport.Price{
		Input: sallyport.RateMax, CachedInput: sallyport.RateMax, CacheWrite: sallyport.RateMax, Output: sallyport.RateMax,
	}
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		wild := func() int64 { return int64(rnd.Uint64() >> rnd.IntN(64)) }
		u := sallyport.Usage{Input: wild(), CachedInput: wild(), CacheWrite: wild(), Output: wild(), Reasoning: wild()}
		req, size := randomRequest(t, rnd)
		clean, _ := Clamp(u, Bound(req, sallyport.Model{Price: dearest}, size, wild()))
		if cost, _, err := Settle(dearest, 0, clean); err != nil || cost < 0 {
			t.Fatalf("seed %d: %+v became %+v, which costs %d (%v)", seed, u, clean, cost, err)
		}
		if clean.Reasoning > clean.Output {
			t.Fatalf("seed %d: more reasoning than output: %+v", seed, clean)
		}
		if again, clamped := Clamp(clean, clean); clamped {
			t.Fatalf("seed %d: %+v is not stable, it became %+v", seed, clean, again)
		}
	}
}

func randomRequest(t *testing.T, rnd *rand.Rand) (*llm.Request, int64) {
	t.Helper()
	var images []string
	for range rnd.IntN(3) {
		images = append(images, "data:image/png;base64,"+strings.Repeat("A", rnd.IntN(5000)))
	}
	req, size := request(t, strings.Repeat("é\n ", rnd.IntN(500)), images...)
	req.OutputMax, req.Choices = rnd.Int64N(2)*rnd.Int64N(100_000), rnd.Int64N(5)
	return req, size
}

func randomPrice(rnd *rand.Rand) sallyport.Price {
	rate := func() sallyport.Rate { return sallyport.Rate(rnd.Int64N(int64(sallyport.RateMax)+1) >> rnd.IntN(40)) }
	return sallyport.Price{Input: rate(), CachedInput: rate(), CacheWrite: rate(), Output: rate()}
}

// randomUsage is a use within the bound, its input split in any way.
func randomUsage(rnd *rand.Rand, bound sallyport.Usage) (u sallyport.Usage) {
	left := bound.Total() - bound.Output
	for _, part := range []*int64{&u.Input, &u.CachedInput, &u.CacheWrite} {
		*part = rnd.Int64N(left + 1)
		left -= *part
	}
	u.Output = rnd.Int64N(bound.Output + 1)
	u.Reasoning = rnd.Int64N(u.Output + 1)
	return u
}

func BenchmarkBound(b *testing.B) {
	req, size := request(b, strings.Repeat("word ", 2000))
	for range 30 {
		req.Messages = append(req.Messages, req.Messages[0])
	}
	m := sallyport.Model{Price: sallyport.Price{Input: 3, Output: 15}}
	for b.Loop() {
		if u := Bound(req, m, size, 0); u.Total() == 0 {
			b.Fatal(fmt.Sprint(u))
		}
	}
}
