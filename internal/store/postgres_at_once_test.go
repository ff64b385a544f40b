package store_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// alive is under whose lease the calls of these tests are opened.
var alive = journal.Life{Node: storetest.Node, Boot: storetest.Boot}

func leased(org sallyport.OrgID, call sallyport.CallID) journal.Entry {
	e := storetest.Intent(org, call, sallyport.Credit)
	e.Open.Leased = true
	return e
}

// ends is the outcome of a call by who opened it.
func ends(intent journal.Entry, cost sallyport.Credits) journal.Entry {
	e := storetest.Outcome(intent.Org, intent.Open.Call, cost)
	e.Close.Opened = intent.Open
	return e
}

func commit(t *testing.T, db *store.DB, entries ...journal.Entry) []journal.Result {
	t.Helper()
	results, err := db.CommitBatch(t.Context(), journal.BatchID(storetest.NewID()), entries)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return results
}

func grant(t *testing.T, db *store.DB, org sallyport.OrgID, amount sallyport.Credits) {
	t.Helper()
	if _, err := db.Grant(t.Context(), org, amount, "", storetest.Event("credit.grant")); err != nil {
		t.Fatal(err)
	}
}

func setBudget(t *testing.T, db *store.DB, org sallyport.OrgID, limit sallyport.Credits) {
	t.Helper()
	id := sallyport.BudgetID{Scope: sallyport.BudgetOrganisation, Period: sallyport.PeriodTotal}
	if _, err := db.SetBudget(t.Context(), org, id, limit, storetest.Event("budget.set")); err != nil {
		t.Fatal(err)
	}
}

// steady makes calls through db, and nobody else does, until it does not look any
// more before it writes to the organisation.
func steady(t *testing.T, db *store.DB, org sallyport.OrgID) {
	t.Helper()
	for range 6 {
		intent := leased(org, sallyport.CallID(storetest.NewID()))
		commit(t, db, intent)
		commit(t, db, ends(intent, 1))
	}
}

const steadyCost = 6 // of the calls of steady

// onWire is a store behind a wire, with an organisation of 10 credits and a lease.
func onWire(t *testing.T) (w *wire, db *store.DB, org sallyport.OrgID) {
	t.Helper()
	w = newWire(t, storetest.NewPostgres(t))
	db = storetest.Open(t, w.url)
	if err := db.TakeLease(t.Context(), alive, time.Hour); err != nil {
		t.Fatal(err)
	}
	org = storetest.NewOrg(t, db)
	grant(t, db, org, 10*sallyport.Credit)
	return w, db, org
}

func verify(t *testing.T, db *store.DB, org sallyport.OrgID) {
	t.Helper()
	storetest.VerifyChain(t, db, org)
	storetest.VerifyLedger(t, db, org)
}

// locked is how many round trips a batch takes that looks.
const locked = 3

// A batch whose organisations nobody else writes to takes one round trip, and again
// after a change that this process itself makes once it has looked.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	w, db, org := onWire(t)
	asks := func(want int64, entries ...journal.Entry) {
		t.Helper()
		before := w.asked.Load()
		commit(t, db, entries...)
		if got := w.asked.Load() - before; got != want {
			t.Errorf("the batch took %d round trips, want %d", got, want)
		}
	}
	commit(t, db, leased(org, "prepared"))
	asks(locked, leased(org, "looks"))
	steady(t, db, org)
	intent := leased(org, "c-1")
	asks(1, intent)
	asks(1, ends(intent, 1))
	asks(1, storetest.Intent(org, "dear", 1000*sallyport.Credit)) // refused
	asks(1, journal.Entry{Org: org, Record: storetest.Event("login")})
	grant(t, db, org, 1)
	asks(locked, leased(org, "c-2"))
	asks(1, leased(org, "c-3"))

	setBudget(t, db, org, 9*sallyport.Credit+steadyCost+1) // room for the nine that are open then
	commit(t, db, leased(org, "c-4"))
	commit(t, db, leased(org, "c-5"))
	asks(1, leased(org, "c-6"))
	another, again := leased(org, "c-7"), leased(org, "c-8")
	another.Open.User, again.Open.User = "u2", "u2"
	asks(locked+1, another) // the budgets of its user are read after the lock
	asks(1, again)
	beyond := leased(org, "c-9")
	beyond.Open.Hold = 1
	asks(1, beyond) // refused
	asks(1, ends(again, 1))
	storetest.WantBalance(t, db, org, 10*sallyport.Credit-steadyCost-1, 8*sallyport.Credit)
	budgets, err := db.Budgets(t.Context(), org)
	if err != nil || len(budgets) != 1 || budgets[0].Held != 8*sallyport.Credit || budgets[0].Spent != steadyCost+2 {
		t.Errorf("the budgets are %+v, %v, want one with 8 credits held and %d spent", budgets, err, steadyCost+2)
	}
	verify(t, db, org)
}

// What another process did meanwhile has the same results as for a store that looks.
func TestAtOnceMistaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, other *store.DB, org sallyport.OrgID)
		budget    sallyport.Credits // of the organisation; 0: none
		many      int               // opened beside
		fails     bool
	}{
		"the trail was moved": {meanwhile: func(t *testing.T, other *store.DB, org sallyport.OrgID) {
			commit(t, other, journal.Entry{Org: org, Record: storetest.Event("login")})
		}},
		"the account was moved": {meanwhile: func(t *testing.T, other *store.DB, org sallyport.OrgID) {
			grant(t, other, org, -5*sallyport.Credit)
		}},
		"credits ran out": {meanwhile: func(t *testing.T, other *store.DB, org sallyport.OrgID) {
			grant(t, other, org, -9*sallyport.Credit+steadyCost)
		}},
		"credits came": {many: 12, meanwhile: func(t *testing.T, other *store.DB, org sallyport.OrgID) {
			grant(t, other, org, 10*sallyport.Credit)
		}},
		"the call was closed": {many: 20, meanwhile: func(t *testing.T, other *store.DB, org sallyport.OrgID) {
			commit(t, other, storetest.Outcome(org, "under way", 1))
		}},
		"a budget was set": {meanwhile: func(t *testing.T, other *store.DB, org sallyport.OrgID) {
			setBudget(t, other, org, 2*sallyport.Credit)
		}},
		"a budget was lowered": {budget: 8 * sallyport.Credit, meanwhile: func(t *testing.T, other *store.DB, org sallyport.OrgID) {
			setBudget(t, other, org, 2*sallyport.Credit)
		}},
		"a budget was spent": {budget: 3*sallyport.Credit + steadyCost, meanwhile: func(t *testing.T, other *store.DB, org sallyport.OrgID) {
			commit(t, other, leased(org, "another"))
		}},
		"the lease has ended": {fails: true, meanwhile: func(t *testing.T, other *store.DB, _ sallyport.OrgID) {
			if err := other.EndLease(t.Context(), alive); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results := func(looks bool) []journal.Result {
				w, db, org := onWire(t)
				other := storetest.Open(t, w.url)
				if c.budget > 0 {
					setBudget(t, db, org, c.budget)
				}
				steady(t, db, org)
				open := leased(org, "under way")
				commit(t, db, open)
				c.meanwhile(t, other, org)
				if looks {
					db = storetest.Open(t, w.url)
				}
				entries := []journal.Entry{leased(org, "c-1"), ends(open, 1), leased(org, "c-2")}
				for range c.many {
					entries = append(entries, leased(org, sallyport.CallID(storetest.NewID())))
				}
				before, _, err := db.ChainHead(t.Context(), org)
				if err != nil {
					t.Fatal(err)
				}
				asked := w.asked.Load()
				results, err := db.CommitBatch(t.Context(), "mistaken", entries)
				if w.asked.Load()-asked <= locked {
					t.Error("nothing was mistaken, or it was not written again")
				}
				var refused *journal.EntryError
				if c.fails != (err != nil) || c.fails != errors.As(err, &refused) {
					t.Errorf("the error is %v, want an EntryError: %v", err, c.fails)
				}
				after, _, err := db.ChainHead(t.Context(), org)
				if err != nil {
					t.Fatal(err)
				}
				if want := before + int64(len(results)); after != want {
					t.Errorf("the trail has %d records, want %d", after, want)
				}
				verify(t, db, org)
				return results
			}
			if got, want := results(false), results(true); !reflect.DeepEqual(withoutTimes(got), withoutTimes(want)) {
				t.Errorf("the results are %+v, want %+v", got, want)
			}
		})
	}
}

// withoutTimes leaves out of which organisation and when a budget is.
func withoutTimes(results []journal.Result) []journal.Result {
	for i := range results {
		if b := results[i].Budget; b != nil {
			b.Org, b.Since = "", time.Time{}
		}
	}
	return results
}

// A statement that fails in the midst leaves nothing of the batch.
func TestAtOnceRefused(t *testing.T) {
	t.Parallel()
	w, db, org := onWire(t)
	taken := leased(org, "taken")
	commit(t, db, taken)
	steady(t, db, org)
	before, _, err := db.ChainHead(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	asked := w.asked.Load()
	_, err = db.CommitBatch(t.Context(), "refused", []journal.Entry{leased(org, "c-1"), leased(org, "taken"), ends(taken, 1)})
	var refused *journal.EntryError
	if !errors.As(err, &refused) || refused.Index != 1 || sallyport.CodeOf(refused.Err) != sallyport.Conflict {
		t.Errorf("the error is %v, want a conflict of entry 1", err)
	}
	if w.asked.Load() == asked {
		t.Error("the database was not asked")
	}
	if after, _, err := db.ChainHead(t.Context(), org); err != nil || after != before {
		t.Errorf("the trail has %d records, %v, want %d", after, err, before)
	}
	storetest.WantBalance(t, db, org, 10*sallyport.Credit-steadyCost, sallyport.Credit)
	verify(t, db, org)
}

// A batch whose answer is lost is written once, wherever the connection broke.
func TestAtOnceLost(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]fault{
		"the question": loseQuestion, "half of the question": loseHalfOfQuestion, "the answer": loseAnswer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, db, org := onWire(t)
			steady(t, db, org)
			lost := func(e journal.Entry) {
				t.Helper()
				id := journal.BatchID(storetest.NewID())
				before, _, err := db.ChainHead(t.Context(), org)
				if err != nil {
					t.Fatal(err)
				}
				w.fault.Store(int64(what))
				if _, err := db.CommitBatch(t.Context(), id, []journal.Entry{e}); !errors.Is(err, journal.ErrOutcomeUnknown) {
					t.Fatalf("the error is %v, want an unknown outcome", err)
				}
				want := []journal.Result{{Seq: before + 1}}
				results, err := db.Batch(t.Context(), id)
				if what != loseAnswer {
					if sallyport.CodeOf(err) != sallyport.NotFound {
						t.Fatalf("looking it up gave %+v and %v", results, err)
					}
				} else if err != nil || !reflect.DeepEqual(results, want) {
					t.Fatalf("looking it up gave %+v and %v, want %+v", results, err, want)
				}
				for range 2 {
					results, err = db.CommitBatch(t.Context(), id, []journal.Entry{e})
					if err != nil || !reflect.DeepEqual(results, want) {
						t.Fatalf("sent again, it gave %+v and %v, want %+v", results, err, want)
					}
				}
			}
			intent := leased(org, "c-1")
			lost(intent)
			steady(t, db, org)
			lost(ends(intent, 1))

			j := journal.New(db, journal.Options{Node: storetest.Node, Boot: storetest.Boot, Log: slog.New(slog.DiscardHandler)})
			steady(t, db, org)
			w.fault.Store(int64(what))
			if _, err := j.Commit(t.Context(), storetest.Intent(org, "c-2", sallyport.Credit)); err != nil {
				t.Errorf("the journal's commit failed: %v", err)
			}
			if err := j.Close(t.Context()); err != nil {
				t.Error(err)
			}
			storetest.WantBalance(t, db, org, 10*sallyport.Credit-3*steadyCost-1, sallyport.Credit)
			verify(t, db, org)
		})
	}
}

// Nodes that write to the same organisations at once, each of which believes that
// nobody else does, wait for each other in one order, and lose nothing.
func TestAtOnceTogether(t *testing.T) {
	t.Parallel()
	w, first, org := onWire(t)
	second := storetest.Open(t, w.url)
	other := storetest.NewOrg(t, first)
	grant(t, first, other, 10*sallyport.Credit)
	const rounds, writers = 3, 3
	batch := func(db *store.DB, orgs ...sallyport.OrgID) {
		var entries []journal.Entry
		for _, org := range orgs {
			entries = append(entries, storetest.Intent(org, sallyport.CallID(storetest.NewID()), 1))
		}
		if _, err := db.CommitBatch(t.Context(), journal.BatchID(storetest.NewID()), entries); err != nil {
			t.Errorf("commit: %v", err)
		}
	}
	for range rounds {
		for _, db := range []*store.DB{first, second} {
			steady(t, db, org)
			steady(t, db, other)
		}
		var all sync.WaitGroup
		for range writers {
			all.Go(func() { batch(first, org, other) })
			all.Go(func() { batch(second, other, org) })
		}
		all.Wait()
	}
	for _, org := range []sallyport.OrgID{org, other} {
		storetest.WantBalance(t, second, org, 10*sallyport.Credit-2*rounds*steadyCost, 2*rounds*writers)
		verify(t, second, org)
	}
}

// A batch that does not look waits for a lock for a while only, and then looks: one whose
// connection was lost would be committed when nobody reckons with it any more.
func TestAtOnceWaits(t *testing.T) {
	t.Parallel()
	w, db, org := onWire(t)
	second, _ := storetest.Open(t, w.url).Pools()
	steady(t, db, org)
	other, err := second.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), `SELECT 1 FROM chain_heads WHERE org_id = $1 FOR UPDATE`, string(org)); err != nil {
		t.Fatal(err)
	}
	before := w.asked.Load()
	var all sync.WaitGroup
	all.Go(func() { commit(t, db, leased(org, "waits")) })
	const pipeline, rollBack, look = 1, 1, 1
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for w.asked.Load() < before+pipeline+rollBack+look && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	if ctx.Err() != nil {
		t.Error("it waits for the lock still")
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	verify(t, db, org)
}
