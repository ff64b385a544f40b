package store_test

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// The statements of a search read what they give and not the whole trail: each by
// the index that is made for it, in its order, without sorting.
func TestSearchPlans(t *testing.T) {
	t.Parallel()
	for _, database := range []struct {
		name    string
		explain func(*testing.T, *sql.DB, string, []any) string
		index   func(store.SearchStatement) string
		never   []string
		sorts   string
	}{
		{"sqlite", explainSQLite, func(s store.SearchStatement) string { return s.SQLite }, []string{"SCAN"}, "TEMP B-TREE"},
		{"postgres", explainPostgres, func(s store.SearchStatement) string { return s.Postgres },
			[]string{"Seq Scan", "Filter: (block"}, "Sort"},
	} {
		t.Run(database.name, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t, databases[database.name](t))
			_, read := db.Pools()
			for _, s := range store.SearchStatements(db) {
				plan, index := database.explain(t, read, s.SQL, s.Args), database.index(s)
				never := slices.ContainsFunc(database.never, func(text string) bool { return strings.Contains(plan, text) })
				if never || !strings.Contains(plan, index) || strings.Contains(plan, database.sorts) && !s.Sorts {
					t.Errorf("%s: want it to go by %s:\n%s\n%s", s.Name, index, s.SQL, plan)
				}
			}
		})
	}
}

func explainSQLite(t *testing.T, db *sql.DB, query string, args []any) string {
	return explained(t, db, "EXPLAIN QUERY PLAN "+query, args, 3)
}

// PostgreSQL reads tables as small as those of a test whole, unless it must not.
func explainPostgres(t *testing.T, db *sql.DB, query string, args []any) string {
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, off := range []string{"enable_seqscan", "enable_bitmapscan"} {
		if _, err := conn.ExecContext(t.Context(), "SET "+off+" = off"); err != nil {
			t.Fatal(err)
		}
	}
	return explained(t, conn, "EXPLAIN "+query, args, 0)
}

// explained is one column of all rows.
func explained(t *testing.T, db interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, query string, args []any, column int) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		row := make([]any, len(names))
		for i := range row {
			row[i] = new(string)
		}
		if err := rows.Scan(row...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, *row[column].(*string))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
