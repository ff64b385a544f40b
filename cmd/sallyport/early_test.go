package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

var (
	earlyCalls = flag.Int("early-calls", 80, "how often TestEarlyAnswers asks each provider with 100 KB; with 1 MB a tenth of it")
	earlyBare  = flag.Bool("early-bare", false, "TestEarlyAnswers sends the same calls through a bare reverse proxy too")
)

// earlyCallers ask a provider at once.
const earlyCallers = 8

// earlyProvider is one that answers a large request before it is read, or in the
// moment in which it is.
type earlyProvider struct {
	name   string
	status int
	url    string
}

func earlyProviders(t *testing.T) (all []earlyProvider) {
	t.Helper()
	for _, p := range []struct {
		name string
		how  providertest.Earliness
	}{
		{"answers-then-reads", providertest.Earliness{Status: http.StatusOK, Reads: true}},
		{"answers-and-closes", providertest.Earliness{Status: http.StatusOK, Announced: true}},
		{"refuses-then-reads", providertest.Earliness{Status: http.StatusBadRequest, Reads: true}},
		{"refuses-and-closes", providertest.Earliness{Status: http.StatusRequestEntityTooLarge, Announced: true}},
	} {
		p.how.Body = `{"choices":[{"index":0,"message":{"role":"assistant","content":"Wait and see."},"finish_reason":"stop"}]}`
		all = append(all, earlyProvider{p.name, p.how.Status, providertest.NewEarly(t, p.how).URL})
	}
	return append(all, earlyProvider{"reads-then-answers", http.StatusOK, newQuickProvider(t).URL + "/v1"})
}

// TestEarlyAnswers asks providers that answer at once: not one of their answers is
// lost on the way. A bare reverse proxy loses some of them.
func TestEarlyAnswers(t *testing.T) {
	t.Parallel()
	providers := earlyProviders(t)
	var config strings.Builder
	config.WriteString("log: {calls: false}\ncredits: {starting: 1000000}\nproviders:\n")
	for _, p := range providers {
		fmt.Fprintf(&config, "  - {name: %s, type: openai, base_url: %q}\n", p.name, p.url)
	}
	config.WriteString("models:\n")
	for _, p := range providers {
		fmt.Fprintf(&config, "  - {id: %s, provider: %s, price: {input: 1, output: 1}}\n", p.name, p.name)
	}
	h := openHouse(t, config.String())
	for _, p := range providers {
		if lost := p.lost(h.server.url, h.account.APIKey); lost.all > 0 {
			t.Errorf("%s: %d of %d answers are lost, one of them: %v", p.name, lost.all, p.calls(), lost.one.Load())
		}
		if *earlyBare {
			lost := p.lost(bareProxy(t, p.url), "")
			t.Logf("%s: none of %d answers is lost; a bare reverse proxy loses %d (%.1f %%)",
				p.name, p.calls(), lost.all, 100*float64(lost.all)/float64(p.calls()))
		}
	}
	checkBooks(t, h.close(), h.account.OrgID)
}

// earlySizes are the sizes of requests, and which share of earlyCalls has them.
var earlySizes = map[int]int{100 << 10: 1, 1 << 20: 10}

// calls is how many calls the provider is asked.
func (p earlyProvider) calls() (n int) {
	for _, share := range earlySizes {
		n += earlyCallers * (*earlyCalls / share / earlyCallers)
	}
	return n
}

// lostAnswers counts answers that their clients did not get.
type lostAnswers struct {
	all int64
	one atomic.Value // what came instead
}

// lost asks the provider by way of a server.
func (p earlyProvider) lost(server, key string) *lostAnswers {
	l := &lostAnswers{}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: earlyCallers}}
	defer client.CloseIdleConnections()
	for size, share := range earlySizes {
		body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}]}`, p.name, strings.Repeat("as we said. ", size/12))
		var callers sync.WaitGroup
		for range earlyCallers {
			callers.Go(func() {
				for range *earlyCalls / share / earlyCallers {
					if err := p.ask(client, server, key, body); err != nil {
						atomic.AddInt64(&l.all, 1)
						l.one.Store(err.Error())
					}
				}
			})
		}
		callers.Wait()
	}
	return l
}

// ask makes one call and wants the provider's answer.
func (p earlyProvider) ask(client *http.Client, server, key, body string) error {
	req, err := http.NewRequest(http.MethodPost, server+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	answer, err := fetch(client, req)
	if err == nil && (answer.status != p.status || !strings.Contains(answer.body, "Wait and see.")) {
		err = fmt.Errorf("got %d %s", answer.status, answer.body)
	}
	return err
}

// bareProxy is the least that passes calls on.
func bareProxy(t *testing.T, provider string) string {
	t.Helper()
	to, err := url.Parse(strings.TrimSuffix(provider, "/v1"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{MaxIdleConnsPerHost: earlyCallers},
		ErrorLog:  log.New(io.Discard, "", 0),
	})
	t.Cleanup(s.Close)
	return s.URL
}
