package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

var raceCalls = flag.Int("race-calls", 300, "how many calls TestLastCredits and TestRandomUse make at once")

// A tenth of the calls of a race can be paid for.
const raceShare = 10

// In a race, a call may use 1,000 tokens, at 100 credits a million: 0.1 credits.
const (
	raceTokens = 1000
	raceHold   = sallyport.Credit / 10
	raceConfig = `
providers: [{name: local, type: openai, base_url: "${PROVIDER}"}]
models: [{id: mock-large, provider: local, target: gpt-4o-mini, price: {input: 0, output: 100}}]
credits: {starting: 1000000}
log: {calls: false}
`
)

// TestLastCredits makes very many calls at once, which all may cost the same, on
// a balance and on a budget for a tenth of them: exactly so many pass, and every
// other one is refused in the trail.
func TestLastCredits(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(c *cluster, credits sallyport.Credits)
		code sallyport.Code
	}{
		{"balance", (*cluster).leaveBalance, sallyport.InsufficientCredits},
		{"budget", (*cluster).leaveBudget, sallyport.BudgetExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachCluster(t, raceConfig, func(t *testing.T, c *cluster) {
				affordable := *raceCalls / raceShare
				tt.set(c, sallyport.Credits(affordable)*raceHold)
				passed, refused := c.race(*raceCalls, *raceCalls, tt.code, func() int { return raceTokens })
				c.stopAll()
				b := checkBooks(t, c.db, c.account.OrgID)
				want := *raceCalls - affordable
				if passed != affordable || refused != want || len(b.intents) != affordable || len(b.refusals) != want {
					t.Errorf("%d calls passed and %d were refused, %d and %d in the trail; want %d and %d",
						passed, refused, len(b.intents), len(b.refusals), affordable, want)
				}
				for _, r := range b.refusals {
					if r.Code != tt.code {
						t.Errorf("call %s was refused for %s", r.Call, r.Code)
					}
				}
				if asked := len(c.fake.Requests()); asked != affordable {
					t.Errorf("the provider was asked %d times", asked)
				}
				b.wantAllNodes(t, c)
				t.Logf("%d of %d calls passed", passed, *raceCalls)
			})
		})
	}
}

// raceTries is how often a call is made that got no answer. With ten thousand
// connections on a busy machine, a caller may take longer to send its request than
// a server waits for one. A call that was made for all that stands in the trail
// twice, and the books have one too many.
const raceTries = 5

// raceCallers make the calls of TestRandomUse, each one after the other.
const raceCallers = 100

// TestRandomUse makes calls that use what the provider says at random, also more
// than was held for them, until nothing more can be paid for. Whatever is used is
// charged; the balance goes below zero by what was used above the holds and no
// further.
func TestRandomUse(t *testing.T) {
	eachCluster(t, raceConfig, func(t *testing.T, c *cluster) {
		c.leaveBalance(sallyport.Credits(*raceCalls/raceShare) * raceHold)
		use := func() int { return rand.IntN(raceTokens * 3 / 2) }
		passed, refused := c.race(*raceCalls, raceCallers, sallyport.InsufficientCredits, use)
		for last := 1; last > 0; { // what others had held is free now
			last, _ = c.race(1, 1, sallyport.InsufficientCredits, use)
			passed += last
			refused += 1 - last
		}
		c.stopAll()
		b := checkBooks(t, c.db, c.account.OrgID)
		if passed != len(b.intents) || refused != len(b.refusals) {
			t.Errorf("%d calls passed and %d were refused, %d and %d in the trail", passed, refused, len(b.intents), len(b.refusals))
		}
		overruns, above := 0, sallyport.Credits(0)
		for _, e := range b.ledger {
			if e.Kind != sallyport.LedgerCharge {
				continue
			}
			if over := -e.Amount - raceHold; over > 0 {
				overruns++
				above += over
			}
			if e.Overrun != (-e.Amount > raceHold) {
				t.Errorf("call %s was charged %s of a hold of %s, and is marked an overrun: %t", e.Call, -e.Amount, raceHold, e.Overrun)
			}
			if e.BalanceAfter+above < 0 {
				t.Errorf("the balance is %s after call %s, and %s were used above the holds", e.BalanceAfter, e.Call, above)
			}
		}
		if last := b.ledger[len(b.ledger)-1].BalanceAfter; overruns == 0 || last >= raceHold {
			t.Errorf("there were %d overruns, and %s are left: a call was refused that could be paid for", overruns, last)
		}
		t.Logf("%d calls passed, %d of them used more than was held, and %d were refused", passed, overruns, refused)
	})
}

// wantAllNodes wants records of each server.
func (b *books) wantAllNodes(t *testing.T, c *cluster) {
	t.Helper()
	wrote := make(map[string]bool)
	for _, r := range b.refusals {
		wrote[r.Node] = true
	}
	for node := range c.nodes {
		if !wrote[c.name(node)] {
			t.Errorf("server %d has refused no call", node)
		}
	}
}

// leaveBalance takes credits back until so many are left.
func (c *cluster) leaveBalance(left sallyport.Credits) {
	c.t.Helper()
	balance, _, err := c.db.Balance(c.t.Context(), c.account.OrgID)
	if err != nil {
		c.t.Fatal(err)
	}
	c.command("credit", "grant", "--", (left - balance).String())
}

func (c *cluster) leaveBudget(left sallyport.Credits) {
	c.t.Helper()
	c.command("budget", "set", "--period", "total", left.String())
}

// race lets callers make so many calls over all servers, beginning all at once.
// use is what the provider says that a call used. Each call passes or is refused
// with the code.
func (c *cluster) race(calls, callers int, code sallyport.Code, use func() int) (passed, refused int) {
	c.t.Helper()
	bodies := make(chan string, calls)
	for range calls {
		bodies <- fmt.Sprintf(`{"model":"mock-large","max_tokens":%d,"messages":[{"role":"user","content":`+
			`"Hello. fake: {\"text\":\"Hi.\",\"usage\":{\"Input\":7,\"Output\":%d}}"}]}`, raceTokens, use())
	}
	close(bodies)
	var (
		start = make(chan struct{})
		mu    sync.Mutex
		all   sync.WaitGroup
	)
	clients := raceClients(callers)
	for n := range callers {
		all.Go(func() {
			<-start
			for body := range bodies {
				answer, err := c.ask(clients[n%len(clients)], n%len(c.nodes), body)
				for tries := 1; err != nil && tries < raceTries; tries++ {
					answer, err = c.ask(clients[n%len(clients)], n%len(c.nodes), body)
				}
				mu.Lock()
				switch {
				case err == nil && answer.status == http.StatusOK:
					passed++
				case err == nil && answer.status == http.StatusPaymentRequired && strings.Contains(answer.body, string(code)):
					refused++
				default:
					c.t.Errorf("got %d %s, %v", answer.status, answer.body, err)
				}
				mu.Unlock()
			}
		})
	}
	close(start)
	all.Wait()
	return passed, refused
}

// raceClients are clients with addresses of their own, because a server takes
// only so many connections of one.
func raceClients(callers int) (clients []*http.Client) {
	const callersEach = 1000
	for n := range callers/callersEach + 1 {
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n))}}
		clients = append(clients, &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				return from.DialContext(ctx, network, addr)
			},
			DisableKeepAlives: true,
		}})
	}
	return clients
}
