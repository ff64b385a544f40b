package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// A call that a budget does not cover is refused with 402 before the provider
// is asked, and its record tells the budget. The next call that fits passes.
func TestBudgetExceeded(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user := h.Home.User
	for scope, subject := range map[string]string{
		"organisation": "", "user": string(user.ID), "key": string(user.KeyID), "model": servertest.Model,
	} {
		path := "/api/v1/budgets?period=day&scope=" + scope + "&subject=" + subject
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, path, `{"limit":"0.000001"}`); a.Status != http.StatusOK {
			t.Fatalf("set: %d %s", a.Status, a.Body)
		}
		asked, mark := len(h.Fake.Requests()), h.Mark(t, h.Home.ID)
		a := h.Chat(t, user.Key, chatBody(false, "hello", ""))
		if a.Status != http.StatusPaymentRequired || !strings.Contains(a.Body, `"type":"insufficient_credits","code":"budget_exceeded"`) ||
			!strings.Contains(a.Body, "0.000001 credits for the "+strings.TrimSpace(scope+" "+subject)+" (period: day, since ") {
			t.Errorf("%s: got %d %s", scope, a.Status, a.Body)
		}
		if len(h.Fake.Requests()) != asked {
			t.Error("the provider was asked")
		}
		records := h.Records(t, h.Home.ID, mark)
		wantRefusal(t, records, sallyport.BudgetExceeded, http.StatusPaymentRequired)
		if b := records[0].Cost.Budget; b == nil || string(b.Scope) != scope || b.Subject != subject || b.Limit != 1 {
			t.Errorf("the record tells the budget %+v", b)
		}
		if a := h.Chat(t, h.Other.User.Key, chatBody(false, "hello", "")); a.Status != http.StatusOK {
			t.Errorf("another organisation: got %d %s", a.Status, a.Body)
		}
		if a := h.Call(t, h.Home.Admin.Key, http.MethodDelete, path, ""); a.Status != http.StatusNoContent {
			t.Errorf("remove: %d %s", a.Status, a.Body)
		}
		if a := h.Chat(t, user.Key, chatBody(false, "hello", "")); a.Status != http.StatusOK {
			t.Errorf("%s, removed: got %d %s", scope, a.Status, a.Body)
		}
	}
}

// A budget is for somebody whom the organisation has.
func TestBudgetForNobody(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	other := h.Other.User
	for query, status := range map[string]int{
		"scope=user&subject=" + string(other.ID): 404, "scope=key&subject=" + string(other.KeyID): 404,
		"scope=agent&subject=nobody": 404, "scope=model&subject=nobody": 404,
		"scope=user": 400, "scope=organisation&subject=x": 400, "scope=galaxy": 422, "period=week": 422,
	} {
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/budgets?"+query, `{"limit":"1"}`); a.Status != status {
			t.Errorf("%s: got %d %s, want %d", query, a.Status, a.Body, status)
		}
	}
	for _, limit := range []string{"-1", "much", ""} {
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/budgets", `{"limit":"`+limit+`"}`); a.Status != http.StatusBadRequest {
			t.Errorf("limit %q: got %d %s, want 400", limit, a.Status, a.Body)
		}
	}
}

// 200 calls at once never spend more than the budget, and what budget, usage
// and ledger say they cost is the same.
func TestBudgetAndUsageAreExact(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user := h.Home.User
	const budget = "/api/v1/budgets?scope=user&period=total&subject="
	limit := 25_000 // micro-credits; a call holds about 2,100 and costs much less
	if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, budget+string(user.ID), `{"limit":"0.025"}`); a.Status != http.StatusOK {
		t.Fatalf("set: %d %s", a.Status, a.Body)
	}
	var passed, refused atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			switch a := h.Chat(t, user.Key, chatBody(false, "hello", "")); {
			case a.Status == http.StatusOK:
				passed.Add(1)
			case a.Status == http.StatusPaymentRequired && strings.Contains(a.Body, "budget_exceeded"):
				refused.Add(1)
			default:
				t.Errorf("got %d %s", a.Status, a.Body)
			}
		})
	}
	all.Wait()
	h.Chat(t, h.Home.Creator.Key, chatBody(false, "hello", ""))
	budgets, err := h.DB.Budgets(t.Context(), h.Home.ID)
	if err != nil || len(budgets) != 1 || budgets[0].Held != 0 || int64(budgets[0].Spent) > int64(limit) || passed.Load() == 0 || passed.Load()+refused.Load() != 200 {
		t.Fatalf("the budget is %+v after %d calls and %d refusals, %v", budgets, passed.Load(), refused.Load(), err)
	}
	type report struct {
		Rows []struct {
			Name, Charge string
			Calls        int64
		}
		Total struct {
			Charge string
			Calls  int64
		}
	}
	read := func(key, query string) (r report) {
		t.Helper()
		a := h.Call(t, key, http.MethodGet, "/api/v1/usage"+query, "")
		if err := json.Unmarshal([]byte(a.Body), &r); err != nil || a.Status != http.StatusOK {
			t.Fatalf("usage%s: %d %s", query, a.Status, a.Body)
		}
		return r
	}
	ledger, err := h.DB.Ledger(t.Context(), h.Home.ID, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var charged sallyport.Credits
	for _, e := range ledger {
		if e.Kind == sallyport.LedgerCharge {
			charged -= e.Amount
		}
	}
	for _, by := range []string{"day", "model", "user", "key", "agent"} {
		if r := read(h.Home.Admin.Key, "?by="+by); r.Total.Calls != passed.Load()+1 || r.Total.Charge != charged.String() {
			t.Errorf("by %s: %+v, want %d calls for %s", by, r, passed.Load()+1, charged)
		}
	}
	if r := read(h.Home.Admin.Key, "?by=user&limit=1"); len(r.Rows) != 1 || r.Total.Charge != charged.String() {
		t.Errorf("one row: %+v, want the total of all", r)
	}
	// A member sees what is his own.
	if r := read(user.Key, "?by=user"); len(r.Rows) != 1 || r.Rows[0].Name != string(user.ID) || r.Total.Charge != budgets[0].Spent.String() || r.Total.Calls != passed.Load() {
		t.Errorf("a user sees %+v, want %d calls for %s", r, passed.Load(), budgets[0].Spent)
	}
	if r := read(h.Other.Admin.Key, ""); len(r.Rows) != 0 {
		t.Errorf("another organisation sees %+v", r)
	}
	if r := read(h.Home.Admin.Key, "?to=1999-12-31"); len(r.Rows) != 0 {
		t.Errorf("before all calls: %+v", r)
	}
	if a := h.Call(t, user.Key, http.MethodGet, "/api/v1/usage?from=yesterday", ""); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("a day that is none: %d %s", a.Status, a.Body)
	}
}
