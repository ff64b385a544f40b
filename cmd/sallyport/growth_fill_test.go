package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/identity"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// growthPlan is a year of an organisation, as items in the order of their times:
// first its keys are made, one record each; then come calls by these keys, two
// records each, and here and there a program asks for the list of models, one
// record. What an item is follows from its number alone, so that any choice of
// items is the same in every database.
type growthPlan struct {
	keys   int
	items  int
	middle int // a call, of which and of whose key searches ask
	begin  time.Time
	step   time.Duration // from one item to the next
	users  []sallyport.UserID
}

const (
	growthYear  = 365 * 24 * time.Hour
	growthUsers = 10
	growthSeed  = 1
)

func newGrowthPlan(records, keys int) *growthPlan {
	p := &growthPlan{keys: keys, items: keys, begin: time.Now().UTC().Add(-growthYear).Truncate(time.Second)}
	for left := records - keys; left > 0; p.items++ {
		left -= p.records(p.items)
	}
	for p.middle = keys + (p.items-keys)/2; p.isRead(p.middle); p.middle++ {
	}
	p.step = growthYear / time.Duration(p.items)
	for range growthUsers {
		p.users = append(p.users, sallyport.UserID(newID()))
	}
	return p
}

// records is how many records an item has.
func (p *growthPlan) records(item int) int {
	if item < p.keys || p.isRead(item) {
		return 1
	}
	return 2
}

// at is when an item happens.
func (p *growthPlan) at(item int) time.Time { return p.begin.Add(time.Duration(item) * p.step) }

// Which calls are rare, by their number c after the keys.
func growthRead(c int) bool     { return c%200 == 7 }
func growthFails(c int) bool    { return c%1000 == 400 }
func growthTimesOut(c int) bool { return c%5000 == 400 } // of those that fail
func growthFinds(c int) bool    { return c%500 == 250 }

func (p *growthPlan) isRead(item int) bool { return item >= p.keys && growthRead(item-p.keys) }

// The models that are called; the first one is that of nodesConfig.
var growthModels = []string{"mock-large", "mock-small", "mock-rare"}

func growthModel(c int) string {
	switch {
	case c%2000 == 900:
		return growthModels[2]
	case c%3 == 1:
		return growthModels[1]
	}
	return growthModels[0]
}

// key is whose key makes the item, by the number of the item that made the key.
func (p *growthPlan) key(item int) int {
	if item < p.keys {
		return item
	}
	return rand.New(rand.NewPCG(growthSeed, uint64(item))).IntN(p.keys)
}

// owner is whose a key is.
func (p *growthPlan) owner(key int) sallyport.UserID {
	if key%100 == 5 {
		return p.actor()
	}
	return p.users[key%(len(p.users)-1)]
}

// actor is the user who has one key in a hundred.
func (p *growthPlan) actor() sallyport.UserID { return p.users[len(p.users)-1] }

// grownKey is a key that was made.
type grownKey struct {
	sallyport.Principal
	plain string
}

// filling fills a database before its server starts.
type filling struct {
	*grown
	instance *instance
	clock    time.Time

	// What is not committed yet.

	entries []journal.Entry
	items   []int           // of the entries
	rows    []sallyport.Key // whose records are among them
}

// growthBatch is how many entries are committed at once.
const growthBatch = 512

// fill writes items of the plan as the server would have, by a clock that goes
// through the year.
func (g *grown) fill(items []int) {
	g.t.Helper()
	begun := time.Now()
	f := &filling{grown: g, clock: g.plan.begin}
	a := &app{data: g.env["SALLYPORT_DATA"], config: g.env["SALLYPORT_CONFIG"], now: func() time.Time { return f.clock }}
	for name, value := range g.env {
		a.environ = append(a.environ, name+"="+value)
	}
	cfg, err := a.configuration(g.t.Context(), "", false)
	if err != nil {
		g.t.Fatal(err)
	}
	cfg.Durability = store.Relaxed // who loses power while he fills begins again
	if f.instance, err = a.open(g.t.Context(), cfg); err != nil {
		g.t.Fatal(err)
	}
	f.members()
	for _, item := range items {
		f.clock = g.plan.at(item)
		switch {
		case item < g.plan.keys:
			f.makeKey(item)
		case g.plan.isRead(item):
			f.read(item)
		default:
			f.call(item)
		}
		if len(f.entries) >= growthBatch {
			f.commit()
		}
	}
	f.commit()
	if err := f.instance.close(); err != nil {
		g.t.Fatal(err)
	}
	g.t.Logf("%-5s has %d records and %d keys, filled in %s", g.name, g.head, len(g.keys), time.Since(begun).Round(time.Millisecond))
}

// members makes the users, who are in the trail by their first records.
func (f *filling) members() {
	f.t.Helper()
	for n, user := range f.plan.users {
		m := sallyport.Membership{
			Org: f.account.OrgID, Role: sallyport.RoleUser, CreatedAt: f.clock,
			User: sallyport.User{ID: user, Email: fmt.Sprintf("user-%d@acme.test", n), Name: "Ann", CreatedAt: f.clock},
		}
		rec := f.instance.event(f.account.OrgID, "users.create", "user/"+string(user), map[string]any{"role": m.Role})
		if err := f.instance.db.CreateUser(f.t.Context(), m, "none", rec); err != nil {
			f.t.Fatal(err)
		}
	}
	f.catchUp(f.instance.db)
}

func (f *filling) makeKey(item int) {
	f.t.Helper()
	who := sallyport.Principal{Org: f.account.OrgID, User: f.plan.owner(item), Role: sallyport.RoleUser}
	call := f.newCall(who, "keys.create", "POST /api/v1/keys")
	name := fmt.Sprintf("key %d", item)
	rec := f.instance.audit.Change(&call, "key", map[string]string{"name": name})
	rec.EventID = f.id()
	maker := identity.NewKeys(heldKeys{f.instance.db, f, item}, f.instance.ring, f.instance.app.now)
	key, plain, err := maker.Create(f.t.Context(), who.Org, who.User, name, time.Time{}, rec)
	if err != nil {
		f.t.Fatal(err)
	}
	who.Key, who.KeyPrefix = key.ID, key.Prefix
	f.keys[item], f.made = grownKey{who, plain}, append(f.made, item)
	if item == f.plan.key(f.plan.middle) {
		f.learn(func(s *sallyport.RecordFilter) { later(&s.Key, key.ID) })
	}
}

// heldKeys takes keys as the store does and holds them back: a transaction for
// each of 100,000 would take minutes.
type heldKeys struct {
	*store.DB
	f    *filling
	item int
}

func (h heldKeys) CreateKey(_ context.Context, key sallyport.Key, _ sallyport.KeyBounds, rec sallyport.Record) error {
	h.f.rows = append(h.f.rows, key)
	h.f.add(h.item, journal.Entry{Record: rec})
	return nil
}

// insertKeys writes the rows that were held back, as the store writes one.
func (f *filling) insertKeys() error {
	if len(f.rows) == 0 {
		return nil
	}
	var values []string
	var args []any
	for _, k := range f.rows {
		at := len(args)
		values = append(values, fmt.Sprintf("($%d, $%d, $%d, $%d, $%d, $%d, $%d, 0, 0)", at+1, at+2, at+3, at+4, at+5, at+6, at+7))
		args = append(args, string(k.Org), string(k.ID), string(k.User), k.Name, k.Prefix, k.Hash, k.CreatedAt.UnixMicro())
	}
	f.rows = f.rows[:0]
	_, err := f.tables.ExecContext(f.t.Context(), `
		INSERT INTO api_keys (org_id, id, user_id, name, prefix, hash, created, expires, revoked)
		VALUES `+strings.Join(values, ", "), args...)
	return err
}

// id is an id of the time that the clock tells: that of an event is found by its time.
func (f *filling) id() string { return storetest.IDAt(f.clock) }

func (f *filling) newCall(who sallyport.Principal, action, route string) sallyport.Call {
	return sallyport.Call{
		ID: sallyport.CallID(f.id()), Principal: who, Action: action, Route: route, RequestID: f.id(),
		Source: sallyport.Source{IP: "192.0.2.7", UserAgent: "curl/8.5.0"}, StartedAt: f.clock,
	}
}

func (f *filling) read(item int) {
	call := f.newCall(f.keys[f.plan.key(item)].Principal, "models.list", "GET /v1/models")
	rec := f.instance.audit.Read(&call, http.StatusOK)
	rec.EventID = f.id()
	f.add(item, journal.Entry{Record: rec})
}

// call writes what the gateway writes of a call: its intent, and its outcome
// within a second.
func (f *filling) call(item int) {
	n, b := item-f.plan.keys, f.instance.audit
	call := f.newCall(f.keys[f.plan.key(item)].Principal, "chat.completions", "POST /v1/chat/completions")
	call.Requested, call.BytesIn, call.Hold = growthModel(n), 240, sallyport.Credit/100
	call.Model = sallyport.Model{ID: call.Requested, Provider: "local", Target: "gpt-4o-mini", Price: sallyport.Price{Input: 2_500_000, Output: 10_000_000, Version: "p1"}}
	call.Limits = []sallyport.LimitState{{Scope: "organisation", Unit: "requests", Limit: 600_000, Remaining: 599_999}}
	call.DLP = sallyport.DLPResult{Mode: "enforce", PolicyVersion: "d1"}
	if growthFinds(n) {
		call.DLP.Action, call.DLP.Counts = "tokenize", map[string]int{"in:EMAIL_ADDRESS": 1}
		call.DLP.Findings = []sallyport.Finding{{Type: "EMAIL_ADDRESS", Direction: "in", Field: "messages[0].content", Start: 5, End: 20, Operator: "tokenize"}}
	}
	intent := b.Intent(&call)
	intent.EventID = f.id()
	open := &journal.Open{
		Call: call.ID, Node: b.Node, Boot: b.Boot, Key: call.Principal.Key, User: call.Principal.User,
		Model: call.Model.ID, Hold: call.Hold, Price: call.Model.Price, Created: f.clock.UnixMicro(),
		Refusal: func() sallyport.Record { return b.Refusal(&call, http.StatusPaymentRequired, sallyport.ErrTooDear) },
	}

	f.clock = f.clock.Add(min(800*time.Millisecond, f.plan.step/2))
	outcome, status, err := sallyport.OutcomeSuccess, http.StatusOK, error(nil)
	switch {
	case growthTimesOut(n):
		outcome, status, err = sallyport.OutcomeFailure, http.StatusGatewayTimeout, sallyport.NewError(sallyport.UpstreamTimeout, "")
	case growthFails(n):
		outcome, status, err = sallyport.OutcomeFailure, http.StatusBadGateway, sallyport.NewError(sallyport.UpstreamError, "")
	}
	call.Attempts = []sallyport.Attempt{{Provider: "local", Target: "gpt-4o-mini", Status: status, MS: 790}}
	call.Usage, call.UsageKnown, call.BytesOut, call.DeliveredChars = sallyport.Usage{Input: 12, Output: 3}, true, 300, 13
	call.Charge = sallyport.Credit / 10_000
	end := b.Outcome(&call, outcome, status, err, sallyport.RecordCost{Charge: call.Charge})
	end.EventID = f.id()
	if item == f.plan.middle {
		f.learn(func(s *sallyport.RecordFilter) {
			later(&s.Call, call.ID)
			later(&s.Event, end.EventID)
			if s.Before == growthLaterSeq {
				s.Before = f.head + int64(len(f.entries)) + 1
			}
		})
	}
	f.add(item, journal.Entry{Record: intent, Open: open})
	f.add(item, journal.Entry{Record: end, Close: &journal.Close{Call: call.ID, Opened: open, Cost: call.Charge, Usage: call.Usage}})
}

func (f *filling) add(item int, e journal.Entry) {
	e.Org = f.account.OrgID
	f.entries, f.items = append(f.entries, e), append(f.items, item)
}

// commit writes what was added, and notes it as it was meant.
func (f *filling) commit() {
	f.t.Helper()
	if err := f.insertKeys(); err != nil {
		f.t.Fatal(err)
	}
	results, err := f.instance.db.CommitBatch(f.t.Context(), journal.BatchID(newID()), f.entries)
	if err != nil {
		f.t.Fatal(err)
	}
	for n, e := range f.entries {
		f.head++
		if r := results[n]; r.Refused || r.Late || r.Seq != f.head {
			f.t.Fatalf("entry %d of a batch became %+v, want record %d", n, r, f.head)
		}
		e.Record.Seq = f.head
		f.note(f.items[n], &e.Record)
	}
	f.entries, f.items = f.entries[:0], f.items[:0]
}
