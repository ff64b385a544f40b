package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport-ai/sallyport/internal/store"
)

// PostgresEnv names the server that tests may make databases on.
const PostgresEnv = "SALLYPORT_TEST_POSTGRES"

const postgresDefault = "postgres://postgres@127.0.0.1:5432/postgres"

// SQLiteURL names a new SQLite file that lives as long as the test.
func SQLiteURL(t testing.TB) string {
	t.Helper()
	return "sqlite://" + (&url.URL{Path: filepath.Join(t.TempDir(), "store.db")}).EscapedPath()
}

// PostgresURL makes a new database on the server that PostgresEnv names, and
// drops it when the test ends. A server that cannot be reached fails the test.
func PostgresURL(t testing.TB) string {
	t.Helper()
	server := os.Getenv(PostgresEnv)
	if server == "" {
		server = postgresDefault
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is not a URL", PostgresEnv)
	}
	name := fmt.Sprintf("sallyport_test_%x", randomBytes())
	admin(t, server, "CREATE DATABASE "+name)
	t.Cleanup(func() { admin(t, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

// admin runs one statement on the server.
func admin(t testing.TB, server, statement string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("these tests need a Postgres server: start one, or name one in %s. Connecting failed: %v", PostgresEnv, err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func randomBytes() []byte {
	b := make([]byte, 8)
	rand.Read(b)
	return b
}

// SQLite opens a new SQLite store that closes when the test ends.
func SQLite(t testing.TB) *store.DB { return Open(t, SQLiteURL(t)) }

// Postgres opens a new Postgres store that closes when the test ends.
func Postgres(t testing.TB) *store.DB { return Open(t, PostgresURL(t)) }

// Open opens a store that closes when the test ends.
func Open(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: url})
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return db
}
