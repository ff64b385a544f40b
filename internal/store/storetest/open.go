package storetest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
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

// PostgresURL makes a new database, with nothing in it, on the server that
// PostgresEnv names, and drops it when the test ends. A server that cannot be
// reached fails the test.
func PostgresURL(t testing.TB) string {
	t.Helper()
	name := createPostgres(t, emptyPostgres)
	t.Cleanup(func() { dropPostgres(t, name) })
	return postgresServer(t, name)
}

// NewPostgres makes a new Postgres store, which goes when the test ends: a copy of
// one that the tests have together, as its many migrations would be most of what a
// short test does.
func NewPostgres(t testing.TB) string {
	t.Helper()
	name := createPostgres(t, wholePostgres.borrow(t))
	t.Cleanup(func() { dropPostgres(t, name) })
	return postgresServer(t, name)
}

// postgresServer is the address of a database on the server; "" is the server's own.
func postgresServer(t testing.TB, database string) string {
	t.Helper()
	server := cmp.Or(os.Getenv(PostgresEnv), postgresDefault)
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is not a URL", PostgresEnv)
	}
	if database != "" {
		u.Path = "/" + database
	}
	return u.String()
}

// emptyPostgres is what Postgres makes databases of when it is not told.
const emptyPostgres = "template1"

// createPostgres makes a copy of a database to which nobody is connected.
func createPostgres(t testing.TB, of string) (name string) {
	t.Helper()
	name = fmt.Sprintf("sallyport_test_%x", randomBytes())
	admin(t, "CREATE DATABASE "+name+" TEMPLATE "+of)
	return name
}

func dropPostgres(t testing.TB, name string) {
	t.Helper()
	admin(t, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

// wholePostgres is the Postgres store that others are copies of.
var wholePostgres sharedPostgres

// sharedPostgres is a store that is there as long as one of the tests that borrowed
// it runs: no test knows that it is the last one.
type sharedPostgres struct {
	mu        sync.Mutex
	borrowers int
	name      string // "": there is none
}

// borrow returns the name of the database, which is there until the test ends.
func (s *sharedPostgres) borrow(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.borrowers++
	t.Cleanup(func() { s.giveBack(t) })
	if s.name != "" {
		return s.name
	}
	name := createPostgres(t, emptyPostgres)
	db, err := store.Open(t.Context(), store.Options{URL: postgresServer(t, name)})
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		dropPostgres(t, name)
		t.Fatalf("make a Postgres store: %v", err)
	}
	s.name = name
	return name
}

func (s *sharedPostgres) giveBack(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.borrowers--
	if s.borrowers == 0 && s.name != "" {
		dropPostgres(t, s.name)
		s.name = ""
	}
}

// admin runs one statement on the server.
func admin(t testing.TB, statement string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, postgresServer(t, ""))
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
func SQLite(t testing.TB) *store.DB {
	path := filepath.Join(t.TempDir(), "store.db")
	NewSQLite(t, path)
	return Open(t, "sqlite://"+path)
}

// NewSQLite writes a new SQLite store to a file: a copy of one that has been made
// once, as its many migrations would be most of what a short test does.
func NewSQLite(t testing.TB, path string) {
	t.Helper()
	whole, err := newSQLite()
	if err == nil {
		err = os.WriteFile(path, whole, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

var newSQLite = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "sallyport-test-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }() // of the system's folder for such files
	path := filepath.Join(folder, "store.db")
	db, err := store.Open(context.Background(), store.Options{URL: "sqlite://" + path})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Postgres opens a new Postgres store that closes when the test ends.
func Postgres(t testing.TB) *store.DB { return Open(t, NewPostgres(t)) }

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
