package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// TestNodesGroups moves a member between groups by the command line: both servers
// obey. A call that was begun before is charged to the groups of
// then by the neighbour that closes it, after kill -9 of its server.
func TestNodesGroups(t *testing.T) {
	t.Parallel()
	c := openCluster(t, nodesConfig, 2)
	const dead, living = 0, 1
	body := string(loadBody(1))
	c.command("user", "create", "ann@example.com")
	var key struct {
		APIKey string `json:"api_key"`
	}
	if err := json.Unmarshal(c.command("key", "create", "--user", "ann@example.com", "--json"), &key); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Open", "Closed"} {
		c.command("group", "create", name)
	}
	c.command("budget", "set", "1", "--scope", "group", "--id", "Open")
	c.command("budget", "set", "0", "--scope", "group", "--id", "Closed")
	c.command("group", "add", "Open", "ann@example.com")
	wait := func(want int) {
		t.Helper()
		changed := time.Now()
		for node := range c.nodes {
			for {
				status, text, err := c.send(t.Context(), node, key.APIKey, http.MethodPost, "/v1/chat/completions", body)
				if err != nil {
					t.Fatal(err)
				}
				if status == want {
					break
				}
				if time.Since(changed) > *revokedWithin {
					t.Fatalf("server %d: status %d %s %s after the change, want %d", node, status, text, time.Since(changed), want)
				}
			}
		}
	}
	wait(http.StatusOK) // from now on both keep the member in memory
	c.command("group", "add", "Closed", "ann@example.com")
	wait(http.StatusPaymentRequired)
	c.command("group", "remove", "Closed", "ann@example.com")
	wait(http.StatusOK)

	asked := len(c.fake.Requests())
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	c.fake.Queue(providertest.Answer{Text: "never", Fault: providertest.Hang})
	var hanging sync.WaitGroup
	hanging.Go(func() {
		_, _, _ = c.send(ctx, dead, key.APIKey, http.MethodPost, "/v1/chat/completions", body) // its server dies
	})
	c.fake.Wait(t, asked+1)
	before := c.openBudget(t)
	if before.Held == 0 {
		t.Errorf("nothing is held for the call that hangs: %+v", before)
	}
	c.command("group", "remove", "Open", "ann@example.com")
	c.nodes[dead].kill()
	killed := time.Now()
	c.waitClosed(killed, closedWithin, dead)
	leave()
	hanging.Wait()
	c.stop(living)
	ledger := storetest.VerifyLedger(t, c.db, c.account.OrgID)
	last := ledger[len(ledger)-1]
	after := c.openBudget(t)
	if !last.Estimated || after.Held != 0 || after.Spent != before.Spent-last.Amount || -last.Amount != before.Held {
		t.Errorf("the budget went from %+v to %+v with the charge %+v", before, after, last)
	}
	storetest.VerifyChain(t, c.db, c.account.OrgID)
}

// openBudget is the one budget of a group that lets anything pass.
func (c *cluster) openBudget(t *testing.T) sallyport.Budget {
	t.Helper()
	budgets, err := c.db.Budgets(t.Context(), c.account.OrgID)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range budgets {
		if b.Limit > 0 {
			return b
		}
	}
	t.Fatalf("there is none among %+v", budgets)
	return sallyport.Budget{}
}
