package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

var (
	growthRecords = flag.Int("growth-records", 3000, "with how many records TestGrowth fills a database")
	growthKeys    = flag.Int("growth-keys", 200, "how many API keys TestGrowth makes in it, one record each")
	growthPages   = flag.Int("growth-pages", 1, "how many pages of each search TestGrowth measures on each database; of calls, six times as many")
)

const (
	growthPage    = 50 // rows
	growthCallers = 32
	growthTurns   = 10
	growthCalls   = 6   // for each page
	growthBlock   = 256 // records that the index takes at once
	growthBehind  = 15 * time.Minute
)

// TestGrowth compares a server on a database that has grown for a year with one
// on an empty database: the medians of a call, and of a page of each search of
// the trail. It prints them, and asserts that each page has exactly the records
// that a linear pass over what was written finds. docs/growth.md tells more.
func TestGrowth(t *testing.T) {
	t.Parallel()
	q := newQuickProvider(t)
	for _, kind := range []struct {
		name     string
		database func(testing.TB) string
	}{
		{"SQLite", func(testing.TB) string { return "" }},
		{"Postgres", storetest.NewPostgres},
	} {
		t.Run(kind.name, func(t *testing.T) {
			if *growthPages < growthTurns { // too few for times that tell anything
				t.Parallel()
			}
			if kind.name == "Postgres" {
				clusterTurns <- struct{}{}
				t.Cleanup(func() { <-clusterTurns })
			}
			plan := newGrowthPlan(*growthRecords, *growthKeys)
			full := newGrown(t, "full", q.config(""), kind.database(t), plan)
			full.fill(plan.all())
			// The empty database is what a setup leaves and, so that its pages have
			// the rows of the others, the items on the pages of the full one.
			empty := newGrown(t, "empty", q.config(""), kind.database(t), plan)
			empty.fill(full.shown())

			for _, g := range []*grown{empty, full} {
				g.start()
				g.follow()
				g.settle()
			}
			measureGrowth(t, empty, full)
			for _, g := range []*grown{empty, full} {
				g.check()
			}
		})
	}
}

// grown is a database that was filled, the server on it, and what a linear pass
// over its trail finds.
type grown struct {
	*house
	name string
	plan *growthPlan
	keys map[int]grownKey // by the items that made them
	made []int            // these items

	db       *store.DB // beside the server, and tables of its database
	tables   *sql.DB
	client   *http.Client
	searches []*growthSearch
	head     int64 // of the trail, as far as searches have seen it
}

// newGrown sets an installation up, a year ago.
func newGrown(t *testing.T, name, config, database string, plan *growthPlan) *grown {
	t.Helper()
	g := &grown{house: newHouse(t, config, database), name: name, plan: plan, keys: make(map[int]grownKey), searches: growthSearches(plan)}
	g.env["LATER"] = "-366"
	g.account = initAccount(t, g.dir, g.env)
	delete(g.env, "LATER")
	g.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: growthCallers}}
	g.db, g.tables = storetest.Open(t, g.databaseURL()), openTables(t, g.databaseURL())
	return g
}

// openTables opens a database to look at its tables.
func openTables(t *testing.T, database string) *sql.DB {
	t.Helper()
	driver := "pgx"
	if path, file := strings.CutPrefix(database, "sqlite://"); file {
		driver, database = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// all are the items of the plan.
func (p *growthPlan) all() (items []int) {
	for item := range p.items {
		items = append(items, item)
	}
	return items
}

// shown are the items on a page of any search, the one in the middle, and the
// keys of all of them. A database that has these and no others of the plan shows
// the same pages.
func (g *grown) shown() []int {
	items := []int{g.plan.middle}
	for _, s := range g.searches {
		for _, hit := range s.found {
			if hit.item != growthOther {
				items = append(items, hit.item)
			}
		}
	}
	for _, item := range slices.Clone(items) {
		items = append(items, g.plan.key(item))
	}
	slices.Sort(items)
	return slices.Compact(items)
}

// catchUp notes the records that were written since: reading the trail, and
// calls, are themselves recorded.
func (g *grown) catchUp(db *store.DB) {
	g.t.Helper()
	for {
		records, err := db.Records(g.t.Context(), g.account.OrgID, g.head, booksPage)
		if err != nil {
			g.t.Fatal(err)
		}
		for _, stored := range records {
			var r sallyport.Record
			if err := json.Unmarshal(stored.Body, &r); err != nil {
				g.t.Fatal(err)
			}
			g.head = stored.Seq
			g.note(growthOther, &r)
		}
		if len(records) < booksPage {
			return
		}
	}
}

// follow waits until what follows the trail and the ledger has caught up with
// what was filled: it is what is measured that counts, not what came before.
func (g *grown) follow() {
	g.t.Helper()
	begun := time.Now()
	for {
		behind, err := g.behind(g.t.Context())
		if err != nil {
			g.t.Fatal(err)
		}
		if behind == "" {
			break
		}
		if time.Since(begun) > growthBehind {
			g.t.Fatalf("%s: %s are behind after %s", g.name, behind, growthBehind)
		}
		time.Sleep(memoryPoll) // as somebody who looks at it
	}
	g.t.Logf("%-5s has no follower behind after %s", g.name, time.Since(begun).Round(time.Millisecond))
}

// behind names a follower that is; "" when none is.
func (g *grown) behind(ctx context.Context) (string, error) {
	ledgers, err := g.db.UsageBehind(ctx)
	if err != nil || slices.Contains(ledgers, g.account.OrgID) {
		return "roll-ups of usage", err
	}
	trails, err := g.db.Unsigned(ctx, 0)
	if err != nil || slices.ContainsFunc(trails, func(t sallyport.Trail) bool {
		return t.Org == g.account.OrgID && t.Head-t.Done >= audit.CheckpointRecords
	}) {
		return "checkpoints", err
	}
	var unindexed int64
	err = g.tables.QueryRowContext(ctx, `
		SELECT h.seq - $2 * (SELECT 1 + COALESCE(MAX(b.block), -1) FROM record_blocks b WHERE b.org_id = h.org_id)
		FROM chain_heads h WHERE h.org_id = $1`, string(g.account.OrgID), growthBlock).Scan(&unindexed)
	if err != nil || unindexed >= growthBlock {
		return "the index of the trail", err
	}
	return "", nil
}

// settle does at once what Postgres does by itself some minutes after so much
// was written, so that it does not do it while somebody measures.
func (g *grown) settle() {
	g.t.Helper()
	if g.env["SALLYPORT_DATABASE"] == "" {
		return
	}
	if _, err := g.tables.ExecContext(g.t.Context(), "VACUUM ANALYZE"); err != nil {
		g.t.Fatal(err)
	}
}

// growthMeasure is something that is measured on both databases.
type growthMeasure struct {
	name  string
	rows  string                                // of a page
	turn  func(g *grown, n int) []time.Duration // n of it
	times int                                   // how often in all
	took  map[*grown][]time.Duration
}

// measureGrowth measures in turns, the two databases right after each other and
// in random order, so that whatever else the machine does meanwhile hits both.
func measureGrowth(t *testing.T, empty, full *grown) {
	t.Helper()
	calls := growthCalls * *growthPages
	measures := []*growthMeasure{
		{name: "call, 1 caller", times: calls, turn: func(g *grown, n int) []time.Duration { return g.call(1, n, g.oneKey) }},
		{name: "call, 32 callers", times: calls, turn: func(g *grown, n int) []time.Duration { return g.call(growthCallers, n, g.oneKey) }},
		{name: "call, each by another key", times: calls, turn: func(g *grown, n int) []time.Duration { return g.call(1, n, g.anyKey) }},
	}
	for n, s := range full.searches {
		measures = append(measures, &growthMeasure{
			name: "page: " + s.name, rows: strconv.Itoa(len(s.found)), times: *growthPages,
			turn: func(g *grown, times int) []time.Duration { return g.pages(g.searches[n], times) },
		})
		if len(empty.searches[n].found) != len(s.found) || len(s.found) == 0 {
			t.Errorf("%s finds %d records in the empty database and %d in the full one", s.name, len(empty.searches[n].found), len(s.found))
		}
	}
	turns := min(growthTurns, *growthPages)
	for turn := range turns {
		for _, m := range measures {
			if m.took == nil {
				m.took = make(map[*grown][]time.Duration)
			}
			pair := []*grown{empty, full}
			rand.Shuffle(len(pair), func(i, j int) { pair[i], pair[j] = pair[j], pair[i] })
			for _, g := range pair {
				n := m.times*(turn+1)/turns - m.times*turn/turns
				m.took[g] = append(m.took[g], m.turn(g, n)...)
			}
		}
	}
	t.Logf("%-26s %5s %7s %10s %10s %9s", "p50 of a", "rows", "times", "empty", "full", "change")
	for _, m := range append(measures, anyPage(measures)) {
		was, is := median(m.took[empty]), median(m.took[full])
		t.Logf("%-26s %5s %7d %10s %10s %+7.1f %%", m.name, m.rows, len(m.took[full]),
			was.Round(time.Microsecond), is.Round(time.Microsecond), 100*(float64(is)/float64(was)-1))
	}
}

// anyPage has the times of all pages together.
func anyPage(measures []*growthMeasure) *growthMeasure {
	all := &growthMeasure{name: "page: any of these", took: make(map[*grown][]time.Duration)}
	for _, m := range measures {
		if m.rows == "" {
			continue
		}
		for g, took := range m.took {
			all.took[g] = append(all.took[g], took...)
		}
	}
	return all
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// call lets callers make n calls together, and returns how long each took but
// the first of each caller, which finds the processor busy with the other database.
func (g *grown) call(callers, n int, key func(caller int) string) (took []time.Duration) {
	g.t.Helper()
	turns := make(chan bool, n+callers)
	for range n + callers {
		turns <- true
	}
	close(turns)
	var mu sync.Mutex
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			var mine []time.Duration
			for range turns {
				d, err := g.ask(key(caller))
				if err != nil {
					g.t.Error(err)
					return
				}
				mine = append(mine, d)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine[min(1, len(mine)):]...)
		})
	}
	all.Wait()
	return took
}

// ask makes one call and says how long it took.
func (g *grown) ask(key string) (time.Duration, error) {
	req := g.request(g.t.Context(), http.MethodPost, "/v1/chat/completions", chatBody(false, quickPrompt(int(quickCalls.Add(1)))))
	req.Header.Set("Authorization", "Bearer "+key)
	begun := time.Now()
	answer, err := fetch(g.client, req)
	took := time.Since(begun)
	if err == nil && answer.status != http.StatusOK {
		err = fmt.Errorf("a call got %d %s", answer.status, answer.body)
	}
	return took, err
}

// oneKey is a caller's own key. Those that were made last are on a page of the
// trail, and so in the empty database too.
func (g *grown) oneKey(caller int) string { return g.keys[g.plan.keys-1-caller].plain }

// anyKey is one of all keys but those that are searched for: their pages stay the
// same in both databases. Of a full one the server has most keys not in memory.
func (g *grown) anyKey(int) string {
	for {
		k := g.keys[g.made[rand.IntN(len(g.made))]]
		if k.User != g.plan.actor() && k.Key != g.keys[g.plan.key(g.plan.middle)].Key {
			return k.plain
		}
	}
}

// pages reads the first page of a search n times, wants what the linear pass
// found, and returns how long each took but the first.
func (g *grown) pages(s *growthSearch, n int) (took []time.Duration) {
	g.t.Helper()
	for range n + 1 {
		g.catchUp(g.db)
		req := g.request(g.t.Context(), http.MethodGet, "/api/v1/audit/records?"+s.query(), "")
		begun := time.Now()
		answer, err := fetch(g.client, req)
		took = append(took, time.Since(begun))
		if err != nil {
			g.t.Fatal(err)
		}
		var page struct{ Records []struct{ Seq int64 } }
		if err := json.Unmarshal([]byte(answer.body), &page); err != nil || answer.status != http.StatusOK {
			g.t.Fatalf("%s: %d %s: %v", s.name, answer.status, answer.body, err)
		}
		var got []int64
		for _, r := range page.Records {
			got = append(got, r.Seq)
		}
		if want := s.newest(); !slices.Equal(got, want) {
			g.t.Fatalf("%s of the %s database finds the records %v, want %v", s.name, g.name, got, want)
		}
	}
	return took[1:]
}

// check stops the server, verifies the chain, and passes once more over the
// records as they are stored: all searches find the same.
func (g *grown) check() {
	g.t.Helper()
	if err := g.server.stop(); err != nil {
		g.t.Error(err)
	}
	g.catchUp(g.db)
	stored := &grown{searches: growthSearches(g.plan)}
	for n, s := range g.searches {
		stored.searches[n].filter = s.filter
	}
	eachRecord(g.t, g.db, g.account.OrgID, func(r sallyport.Record) {
		stored.head = r.Seq
		stored.note(growthOther, &r)
	})
	if stored.head != g.head {
		g.t.Errorf("the trail has %d records, and %d were written", stored.head, g.head)
	}
	g.t.Logf("%-5s has %d records at the end, whose chain verifies", g.name, g.head)
	for n, s := range g.searches {
		if got, want := stored.searches[n].newest(), s.newest(); !slices.Equal(got, want) {
			g.t.Errorf("%s: the records %v are stored, and %v were written", s.name, got, want)
		}
	}
}
