package store_test

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// columns are those of all tables, "table.column", and whether an INSERT that
// does not know one has to name it.
func columns(t *testing.T, db *store.DB, postgres bool) map[string]bool {
	t.Helper()
	query := `SELECT m.name, c.name, c."notnull" = 1 AND c.dflt_value IS NULL
		FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`
	if postgres {
		query = `SELECT table_name, column_name, is_nullable = 'NO' AND column_default IS NULL
			FROM information_schema.columns WHERE table_schema = current_schema()`
	}
	write, _ := db.Pools()
	rows, err := write.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := make(map[string]bool)
	for rows.Next() {
		var table, column string
		var needed bool
		if err := rows.Scan(&table, &column, &needed); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(table, "goose") {
			found[table+"."+column] = needed
		}
	}
	if err := rows.Err(); err != nil || len(found) < 100 {
		t.Fatalf("%d columns, %v", len(found), err)
	}
	return found
}

// Servers are brought up to date one after the other: what an older program
// reads and writes is still there after every newer migration, and it need not
// name what it does not know.
func TestMigrationsOnlyAdd(t *testing.T) {
	t.Parallel()
	for name, newURL := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newURL(t)
			open := func(newest int64) *store.DB {
				t.Helper()
				db, err := store.OpenUpTo(t.Context(), store.Options{URL: url, Now: time.Now}, newest)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { db.Close() })
				return db
			}
			before := columns(t, open(store.OldestProgram), name == "postgres")
			org := storetest.NewOrg(t, storetest.Open(t, url))
			after := columns(t, open(1<<40), name == "postgres")
			tables := make(map[string]bool)
			for column, needed := range before {
				table, _, _ := strings.Cut(column, ".")
				tables[table] = true
				now, there := after[column]
				if !there || now && !needed {
					t.Errorf("%s is there: %t, and must be named: %t, which it need not before", column, there, now)
				}
			}
			for _, column := range slices.Sorted(maps.Keys(after)) {
				table, _, _ := strings.Cut(column, ".")
				if _, known := before[column]; !known && tables[table] && after[column] {
					t.Errorf("%s is new and has no default: an older program's INSERT fails", column)
				}
			}

			// The older program opens the newer tables, and they stay as they are.
			older := open(store.OldestProgram)
			if _, err := older.Org(t.Context(), org); err != nil {
				t.Errorf("an older program: %v", err)
			}
			if again := columns(t, older, name == "postgres"); !maps.Equal(again, after) {
				t.Error("an older program has changed the tables")
			}
		})
	}
}

var databases = map[string]func(testing.TB) string{
	"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL,
}

// A program does not touch a database from which a newer one has taken away what
// it asks for, and a newer one says so for all that come.
func TestProgramTooOld(t *testing.T) {
	t.Parallel()
	for name, newURL := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newURL(t)
			db := storetest.Open(t, url)
			oldest := func() string {
				t.Helper()
				value, err := db.InstanceValue(t.Context(), "oldest_program")
				if err != nil {
					t.Fatal(err)
				}
				return string(value)
			}
			set := func(value string) {
				t.Helper()
				write, _ := db.Pools()
				if _, err := write.ExecContext(t.Context(), `UPDATE instance SET value = $1 WHERE name = 'oldest_program'`, []byte(value)); err != nil {
					t.Fatal(err)
				}
			}
			if got := oldest(); got != fmt.Sprint(store.OldestProgram) {
				t.Errorf("the database wants programs of migration %s", got)
			}
			set("2")
			storetest.Open(t, url)
			if got := oldest(); got != fmt.Sprint(store.OldestProgram) {
				t.Errorf("a newer program leaves %s", got)
			}
			set("99999")
			if other, err := store.Open(t.Context(), store.Options{URL: url}); err == nil || !strings.Contains(err.Error(), "install a newer version") {
				t.Errorf("a program that is too old: %v", err)
				if err == nil {
					other.Close()
				}
			}
			if got := oldest(); got != "99999" {
				t.Errorf("a program that is too old leaves %s", got)
			}
		})
	}
}

// What durability says is what the databases are told, on every connection that
// writes.
func TestDurability(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		durability, database, want string
	}{
		{"", "sqlite", "2"}, {store.Strict, "sqlite", "2"}, {store.Relaxed, "sqlite", "1"}, // FULL, NORMAL
		{"", "postgres", "on"}, {store.Strict, "postgres", "on"}, {store.Relaxed, "postgres", "off"},
	} {
		db, err := store.Open(t.Context(), store.Options{URL: databases[tt.database](t), Durability: tt.durability})
		if err != nil {
			t.Fatal(err)
		}
		write, _ := db.Pools()
		ask := func(query string) (got string) {
			t.Helper()
			if err := write.QueryRowContext(t.Context(), query).Scan(&got); err != nil {
				t.Fatal(err)
			}
			return got
		}
		query := "PRAGMA synchronous"
		if tt.database == "postgres" {
			query = "SHOW synchronous_commit"
		}
		for range 2 {
			if got := ask(query); got != tt.want {
				t.Errorf("%s, durability %q: %s is %s, want %s", tt.database, tt.durability, query, got, tt.want)
			}
			replace(t, write) // a new connection has it too
		}
		if mode := "PRAGMA journal_mode"; tt.database == "sqlite" && ask(mode) != "wal" {
			t.Errorf("%s is %s", mode, ask(mode))
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// replace makes the pool forget its idle connections.
func replace(t *testing.T, pool *sql.DB) {
	t.Helper()
	most := pool.Stats().MaxOpenConnections
	pool.SetMaxIdleConns(-1)
	pool.SetMaxIdleConns(most)
	if open := pool.Stats().OpenConnections; open != 0 {
		t.Fatalf("%d connections are left", open)
	}
}
