package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// newGroup makes a group of the home through the API and returns its id.
func newGroup(t *testing.T, h *servertest.House, name string, members ...servertest.Member) string {
	t.Helper()
	a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/groups", `{"name":`+quoted(name)+`}`)
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(a.Body), &made); err != nil || a.Status != http.StatusOK || made.ID == "" {
		t.Fatalf("make a group: %d %s", a.Status, a.Body)
	}
	for _, m := range members {
		addToGroup(t, h, made.ID, m)
	}
	return made.ID
}

func addToGroup(t *testing.T, h *servertest.House, group string, m servertest.Member) {
	t.Helper()
	a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/groups/"+group+"/members", `{"members":[`+quoted(string(m.ID))+`]}`)
	if a.Status != http.StatusNoContent {
		t.Fatalf("add to a group: %d %s", a.Status, a.Body)
	}
}

func removeFromGroup(t *testing.T, h *servertest.House, group string, m servertest.Member) {
	t.Helper()
	a := h.Call(t, h.Home.Admin.Key, http.MethodDelete, "/api/v1/groups/"+group+"/members/"+string(m.ID), "")
	if a.Status != http.StatusNoContent {
		t.Fatalf("remove from a group: %d %s", a.Status, a.Body)
	}
}

// A group from its making to its end, and what the trail tells of it.
func TestGroups(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user, creator := h.Home.User, h.Home.Creator
	call := func(method, path, body string, status int) string {
		t.Helper()
		a := h.Call(t, h.Home.Admin.Key, method, "/api/v1/groups"+path, body)
		if a.Status != status {
			t.Errorf("%s %s %s: got %d %s, want %d", method, path, body, a.Status, a.Body, status)
		}
		return a.Body
	}
	change := func(action, group, want string) {
		t.Helper()
		records := h.Records(t, h.Home.ID, h.Mark(t, h.Home.ID)-1)
		if r := records[0]; r.Action != action || r.Resource != "group/"+group || string(r.Change) != want || r.Actor.User != h.Home.Admin.ID {
			t.Errorf("the record is %+v with the change %s, want %s %s", r, r.Change, action, want)
		}
	}
	red := newGroup(t, h, "Red")
	change("groups.create", red, `{"name":"Red"}`)
	// By id and by address in any case; who is in stays in.
	both := `{"members":[` + quoted(string(user.ID)) + `," ` + strings.ToUpper(string(creator.ID)+"@home.test") + `"]}`
	for range 2 {
		call("POST", "/"+red+"/members", both, 204)
		change("groups.add", red, `{"user_ids":["`+string(user.ID)+`","`+string(creator.ID)+`"]}`)
	}
	if got := call("GET", "/"+red+"/members", "", 200); strings.Count(got, "user_id") != 2 || !strings.Contains(got, `"email":"`+string(creator.ID)+`@home.test"`) {
		t.Errorf("the members are %s", got)
	}
	call("PUT", "/"+red, `{"name":"Crimson"}`, 204)
	change("groups.rename", red, `{"name":"Crimson"}`)
	if got := call("GET", "", "", 200); !strings.Contains(got, `"name":"Crimson"`) || strings.Contains(got, "Red") {
		t.Errorf("the groups are %s", got)
	}
	if me := h.Call(t, user.Key, http.MethodGet, "/api/v1/me", "").Body; !strings.Contains(me, `"groups":[{"id":"`+red+`","name":"Crimson"`) {
		t.Errorf("a member is told %s", me)
	}
	removeFromGroup(t, h, red, user)
	change("groups.remove", red, `{"user_ids":["`+string(user.ID)+`"]}`)
	if me := h.Call(t, user.Key, http.MethodGet, "/api/v1/me", "").Body; !strings.Contains(me, `"groups":[]`) {
		t.Errorf("who is no member any more is told %s", me)
	}

	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "", `{"name":"Crimson"}`, 409},
		{"POST", "", `{"name":" "}`, 400},
		{"POST", "", `{"name":""}`, 422},
		{"POST", "", `{"name":"` + strings.Repeat("x", 101) + `"}`, 422},
		{"PUT", "/" + red, `{"name":"a\u0007b"}`, 400},
		{"POST", "/" + red + "/members", `{"members":["nobody@home.test"]}`, 404},
		{"POST", "/" + red + "/members", `{"members":[]}`, 422},
		{"POST", "/" + red + "/members", `{"members":[` + strings.TrimSuffix(strings.Repeat(`"x",`, 501), ",") + `]}`, 422},
		{"DELETE", "/" + red + "/members/" + string(user.ID), "", 404},
		{"GET", "/nobody/members", "", 404},
	} {
		if got := call(tt.method, tt.path, tt.body, tt.status); strings.Contains(got, "nobody@home.test") {
			t.Errorf("the answer quotes the address: %s", got)
		}
	}

	setLimits(t, h, "group", red, 7, 0)
	for _, period := range []string{"day", "total"} {
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/budgets?scope=group&period="+period+"&subject="+red, `{"limit":"1"}`); a.Status != http.StatusOK {
			t.Errorf("set a budget: %d %s", a.Status, a.Body)
		}
	}
	call("DELETE", "/"+red, "", 204)
	change("groups.delete", red, `{"name":"Crimson","members":1,"budgets":2,"limits":1}`)
	call("DELETE", "/"+red, "", 404)
	if budgets := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/budgets", "").Body; strings.TrimSpace(budgets) != "[]" {
		t.Errorf("the budgets are %s", budgets)
	}
	if a := h.Chat(t, creator.Key, chatBody(false, "hello", "")); a.Status != http.StatusOK || a.Header.Get("X-Ratelimit-Limit-Requests") != "" {
		t.Errorf("a member of what was the group: %d %v", a.Status, a.Header)
	}
}

// A limit of a group is shared by its members, and who is in several groups is
// bound by all of them. A change of membership holds with the next call.
func TestGroupLimits(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user, creator := h.Home.User, h.Home.Creator
	red, blue := newGroup(t, h, "Red", user, creator), newGroup(t, h, "Blue", user)
	setLimits(t, h, "group", red, 3, 0)
	setLimits(t, h, "group", blue, 2, 0)
	ask := func(m servertest.Member, status int) servertest.Answer {
		t.Helper()
		a := h.Chat(t, m.Key, chatBody(false, "hello", ""))
		if a.Status != status {
			t.Errorf("a %s: got %d %s, want %d", m.Role, a.Status, a.Body, status)
		}
		return a
	}
	if a := ask(user, 200); a.Header.Get("X-Ratelimit-Limit-Requests") != "2" || a.Header.Get("X-Ratelimit-Remaining-Requests") != "1" {
		t.Errorf("the nearest limit is told as %v", a.Header)
	}
	ask(creator, 200)
	ask(user, 200)
	ask(h.Home.Admin, 200) // who is in no group
	mark := h.Mark(t, h.Home.ID)
	a := ask(creator, 429)
	if !strings.Contains(a.Body, `the group \"Red\" has used 3 of its 3 requests per minute`) || a.Header.Get("Retry-After") != "20" {
		t.Errorf("got %s %v", a.Body, a.Header)
	}
	records := h.Records(t, h.Home.ID, mark)
	wantRefusal(t, records, sallyport.RateLimited, http.StatusTooManyRequests)
	if l := records[0].Limits; len(l) != 1 || l[0] != (sallyport.RecordLimit{Scope: "group", Subject: red, Unit: "requests", Limit: 3}) {
		t.Errorf("the record tells the limits %+v", l)
	}
	if a := ask(user, 429); !strings.Contains(a.Body, `the group \"Blue\" has used 2 of its 2`) {
		t.Errorf("got %s, want the group that lets wait longest", a.Body)
	}
	h.Clock.Advance(20 * time.Second) // one more for red, two thirds of one for blue
	ask(user, 429)
	removeFromGroup(t, h, blue, user)
	ask(user, 200)
	removeFromGroup(t, h, red, creator)
	ask(creator, 200)
	addToGroup(t, h, red, h.Home.Admin)
	ask(h.Home.Admin, 429)
}

// A budget of a group refuses its members alone, and what is under way is
// settled with the groups that its caller had when it began.
func TestGroupBudgets(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user := h.Home.User
	red, blue := newGroup(t, h, "Red", user), newGroup(t, h, "Blue")
	set := func(group, limit string) {
		t.Helper()
		a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/budgets?scope=group&period=day&subject="+group, `{"limit":"`+limit+`"}`)
		if a.Status != http.StatusOK {
			t.Fatalf("set: %d %s", a.Status, a.Body)
		}
	}
	set(red, "0.000001")
	set(blue, "1")
	asked, mark := len(h.Fake.Requests()), h.Mark(t, h.Home.ID)
	a := h.Chat(t, user.Key, chatBody(false, "hello", ""))
	if a.Status != http.StatusPaymentRequired || !strings.Contains(a.Body, `"code":"budget_exceeded"`) ||
		!strings.Contains(a.Body, `0.000001 credits for the group \"Red\" (period: day, since `) {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	records := h.Records(t, h.Home.ID, mark)
	wantRefusal(t, records, sallyport.BudgetExceeded, http.StatusPaymentRequired)
	if b := records[0].Cost.Budget; b == nil || b.Scope != sallyport.BudgetGroup || b.Subject != red || b.Limit != 1 {
		t.Errorf("the record tells the budget %+v", b)
	}
	if len(h.Fake.Requests()) != asked {
		t.Error("the provider was asked")
	}
	if a := h.Chat(t, h.Home.Creator.Key, chatBody(false, "hello", "")); a.Status != http.StatusOK {
		t.Errorf("who is in no group: got %d %s", a.Status, a.Body)
	}

	set(red, "1")
	step := make(chan struct{})
	h.Fake.Queue(providertest.Answer{Text: "Hi.", Step: step})
	done := make(chan servertest.Answer, 1)
	go func() { done <- h.Chat(t, user.Key, chatBody(false, "hello", "")) }()
	h.Fake.Wait(t, asked+2)
	removeFromGroup(t, h, red, user)
	addToGroup(t, h, blue, user)
	close(step)
	if a := <-done; a.Status != http.StatusOK {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	ledger, err := h.DB.Ledger(t.Context(), h.Home.ID, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	budgets, err := h.DB.Budgets(t.Context(), h.Home.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range budgets {
		want := sallyport.Credits(0)
		if b.Subject == red {
			want = -ledger[len(ledger)-1].Amount
		}
		if b.Held != 0 || b.Spent != want {
			t.Errorf("%s: spent %v and held %v, want %v", b.BudgetID, b.Spent, b.Held, want)
		}
	}
	usage := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/usage?by=group", "").Body
	if !strings.Contains(usage, `"rows":[{"name":"`+red+`","label":"Red","calls":1,`) || strings.Contains(usage, blue) {
		t.Errorf("usage by group is %s", usage)
	}
}
