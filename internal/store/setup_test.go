package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]store.Options{
		"relative path":  {URL: "sqlite://data/x.db"},
		"no path":        {URL: "sqlite:x.db"},
		"unknown scheme": {URL: "mysql://127.0.0.1/x"},
		"durability":     {URL: storetest.SQLiteURL(t), Durability: "sometimes"},
		"password":       {URL: "postgres://u:hunter2@127.0.0.1:port/x"},
	} {
		db, err := store.Open(t.Context(), o)
		if err == nil {
			db.Close()
			t.Errorf("%s: opened", name)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
}

// Processes that start together on an empty database all come up.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	for name, newURL := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newURL(t)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					db, err := store.Open(t.Context(), store.Options{URL: url})
					if err != nil {
						t.Errorf("open: %v", err)
						return
					}
					if err := db.Close(); err != nil {
						t.Errorf("close: %v", err)
					}
				})
			}
			all.Wait()
		})
	}
}

func TestSQLiteFileIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a folder", "what? 100%#.db")
	storetest.NewOrg(t, storetest.Open(t, "sqlite://"+(&url.URL{Path: path}).EscapedPath()))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%q has mode %o, want 600", suffix, mode)
		}
	}
}

// The database itself refuses to change what was written.
func TestAppendOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ url, driver string }{
		"sqlite":   {storetest.SQLiteURL(t), "sqlite"},
		"postgres": {storetest.PostgresURL(t), "pgx"},
	} {
		t.Run(name, func(t *testing.T) {
			db := storetest.Open(t, c.url)
			org := storetest.NewOrg(t, db)
			for range 2 { // the trail's records 2 and 3
				if _, err := db.Grant(t.Context(), org, sallyport.Credit, "", storetest.Event("credit.grant")); err != nil {
					t.Fatal(err)
				}
			}
			call := sallyport.CallID(storetest.NewID())
			outcome := storetest.Outcome(org, call, 0)
			outcome.Content = &sallyport.Content{Call: call, Salt: []byte("salt"), Sealed: []byte("sealed")}
			if _, err := db.CommitBatch(t.Context(), "b", []journal.Entry{storetest.Intent(org, call, 0), outcome}); err != nil {
				t.Fatal(err)
			}
			bury(t, db, org, 2)
			raw, err := sql.Open(c.driver, strings.TrimPrefix(c.url, "sqlite://"))
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			for _, statement := range []string{
				`UPDATE ledger SET amount = 5`,
				`DELETE FROM ledger`,
				`UPDATE records SET body = prev`,
				`UPDATE records SET seq = seq + 10`,
				`UPDATE records SET hash = prev WHERE seq = 1`,
				`DELETE FROM records`,
				`DELETE FROM records WHERE seq = 3`,
				`UPDATE records SET source_ip = '192.0.2.9'`,
				`UPDATE tombstones SET last_seq = 3`,
				`DELETE FROM tombstones`,
				`UPDATE contents SET sealed = salt`,
			} {
				if _, err := raw.Exec(statement); err == nil || !strings.Contains(err.Error(), "append-only") {
					t.Errorf("%s: error is %v, want that it is append-only", statement, err)
				}
			}
			erase := `UPDATE records SET source_ip = NULL, source_agent = NULL, source_salt = NULL`
			if _, err := raw.Exec(erase); err != nil {
				t.Errorf("erasing sources: %v", err)
			}
			storetest.VerifyChain(t, db, org)
			storetest.VerifyLedger(t, db, org)

			// Nothing goes under a legal hold, and else what a tombstone stands for.
			hold := func(body []byte) {
				if err := db.SetPolicy(t.Context(), org, sallyport.KindAudit, sallyport.LegalHold, body, storetest.Event("audit.hold")); err != nil {
					t.Fatal(err)
				}
			}
			hold([]byte(`{}`))
			for _, statement := range []string{erase, `DELETE FROM records WHERE seq = 1`, `DELETE FROM contents`} {
				if _, err := raw.Exec(statement); err == nil || !strings.Contains(err.Error(), "under a legal hold") {
					t.Errorf("%s under a legal hold: %v", statement, err)
				}
			}
			hold(nil)
			for _, statement := range []string{`DELETE FROM records WHERE seq <= 2`, `DELETE FROM contents`} {
				if _, err := raw.Exec(statement); err != nil {
					t.Errorf("%s: %v", statement, err)
				}
			}
		})
	}
}

// bury puts a tombstone for the trail's first records.
func bury(t *testing.T, db *store.DB, org sallyport.OrgID, last int64) {
	t.Helper()
	signed := sallyport.Checkpoint{Org: org, Size: last, At: storetest.Time, Note: []byte("note")}
	if err := db.AddCheckpoint(t.Context(), 0, signed, nil); err != nil {
		t.Fatal(err)
	}
	stone := sallyport.Tombstone{Org: org, First: 1, Last: last, Body: []byte(`{}`)}
	if err := db.AddTombstone(t.Context(), stone, nil, storetest.Event("audit.retention")); err != nil {
		t.Fatal(err)
	}
}

// What was removed or erased cannot be read from SQLite's file any more.
func TestSQLiteFileForgets(t *testing.T) {
	t.Parallel()
	url := storetest.SQLiteURL(t)
	db, err := store.Open(t.Context(), store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	org := storetest.NewOrg(t, db)
	canaries := []string{"canary-of-a-short-record", "canary-of-a-long-record", "canary-in-an-address", "canary-in-a-long-address"}
	for n, canary := range canaries {
		rec := storetest.Event("policy.set")
		rec.Source.IP = canary // the last two stay, without it
		if n < 2 {
			rec.Action = canary
		}
		n %= 2
		rec.Change = []byte(`"` + strings.Repeat("x", n*20_000) + `"`)
		if err := db.SetPolicy(t.Context(), org, "dlp", "", []byte("x"), rec); err != nil {
			t.Fatal(err)
		}
	}
	has := func() (found []string) {
		t.Helper()
		path := strings.TrimPrefix(url, "sqlite://")
		for _, suffix := range []string{"", "-wal"} {
			file, err := os.ReadFile(path + suffix)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			for _, canary := range canaries {
				if strings.Contains(string(file), canary) {
					found = append(found, canary)
				}
			}
		}
		return found
	}
	if len(has()) != len(canaries) {
		t.Fatal("the file does not have what is to be removed")
	}
	bury(t, db, org, 3)
	if _, err := db.RemoveRecords(t.Context(), org); err != nil {
		t.Fatal(err)
	}
	told := func(int64) sallyport.Record { return storetest.Event("audit.erase") }
	if _, _, err := db.EraseAddresses(t.Context(), org, sallyport.Erasure{User: "u1"}, 0, told); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil { // it ends the log, too
		t.Fatal(err)
	}
	if found := has(); len(found) > 0 {
		t.Errorf("the file still has %v", found)
	}
}

// killedEnv makes TestKilled the process that is killed.
const killedEnv = "SALLYPORT_TEST_KILLED"

// What Commit has returned survives kill -9 of the process, and what it has not
// leaves no trace of half a batch.
func TestKilled(t *testing.T) {
	if url := os.Getenv(killedEnv); url != "" {
		writeUntilKilled(url)
	}
	t.Parallel()
	url := storetest.SQLiteURL(t)
	db := storetest.Open(t, url)
	org := storetest.NewOrg(t, db)
	if _, err := db.Grant(t.Context(), org, 1000*sallyport.Credit, "", storetest.Event("credit.grant")); err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$", string(org))
	cmd.Env = append(os.Environ(), killedEnv+"="+url)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[sallyport.CallID]bool{}
	const enough = 500
	for lines := bufio.NewScanner(out); lines.Scan(); {
		acknowledged[sallyport.CallID(lines.Text())] = true
		if len(acknowledged) == enough {
			_ = cmd.Process.Kill() // it may have ended
		}
	}
	_ = cmd.Wait() // its error is that it was killed
	if len(acknowledged) < enough {
		t.Fatalf("the process ended after %d calls, want it to be killed after %d", len(acknowledged), enough)
	}

	for _, r := range storetest.VerifyChain(t, db, org) {
		delete(acknowledged, r.Call)
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged calls are not in the trail", len(acknowledged))
	}
	calls, err := db.OpenCalls(t.Context(), storetest.Node, "boot-2", 100_000)
	if err != nil {
		t.Fatal(err)
	}
	balance, held, err := db.Balance(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	if want := sallyport.Credits(len(calls)); held != want || balance != 1000*sallyport.Credit {
		t.Errorf("%v are held of %v, want %v for %d open calls", held, balance, want, len(calls))
	}
}

// writeUntilKilled opens calls and prints each that the journal has acknowledged.
func writeUntilKilled(url string) {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{URL: url})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	org := sallyport.OrgID(os.Args[len(os.Args)-1])
	j := journal.New(db, journal.Options{Node: storetest.Node, Boot: storetest.Boot})
	for range 8 {
		go func() {
			for {
				call := sallyport.CallID(storetest.NewID())
				if _, err := j.Commit(ctx, storetest.Intent(org, call, 1)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Println(call)
			}
		}()
	}
	select {}
}
