package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

const (
	// busyTimeout is how long a writer waits for another process's transaction.
	busyTimeout = 10 * time.Second
	// cacheKiB is the page cache of each connection.
	cacheKiB = 16 << 10
	// checkpointPages is the size of the write-ahead log, in pages of 4 KiB, from
	// which it is copied to the file. Larger than SQLite's 1,000, because each
	// copy stops the writer for its fsyncs.
	checkpointPages = 8000
)

// openSQLite opens one connection that writes and several that read. Writers
// wait for each other in the pool of one, in their order, instead of in
// SQLite's busy loop, which is not fair.
func openSQLite(u *url.URL, o Options) (*DB, error) {
	if u.Host != "" || !filepath.IsAbs(u.Path) {
		return nil, errors.New("the path of a SQLite database must be absolute: sqlite:///absolute/path/file.db")
	}
	if err := makeFile(u.Path); err != nil {
		return nil, err
	}
	write, err := sql.Open("sqlite", sqliteDSN(u.Path, o.Durability, "_txlock=immediate"))
	if err != nil {
		return nil, err
	}
	read, err := sql.Open("sqlite", sqliteDSN(u.Path, o.Durability, "_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	write.SetMaxOpenConns(1)
	read.SetMaxOpenConns(o.ReadConns)
	read.SetMaxIdleConns(o.ReadConns)
	return &DB{write: write, read: read, engine: &sqliteEngine{db: write, read: read}}, nil
}

// makeFile makes an empty database that only its owner may read; SQLite gives
// its companions the same rights.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// sqliteDSN is how every connection is set up.
func sqliteDSN(path, durability, extra string) string {
	synchronous := "FULL" // an fsync with each commit
	if durability == Relaxed {
		synchronous = "NORMAL" // an fsync with each checkpoint
	}
	return fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(%s)"+
		"&_pragma=foreign_keys(1)&_pragma=cache_size(-%d)&_pragma=wal_autocheckpoint(%d)&%s",
		(&url.URL{Path: path}).EscapedPath(), busyTimeout.Milliseconds(), synchronous, cacheKiB, checkpointPages, extra)
}

// sqliteEngine runs a batch statement by statement, each prepared once.
type sqliteEngine struct {
	db   *sql.DB
	read *sql.DB

	mu       sync.Mutex
	prepared map[string]*sql.Stmt // by text; nil until the first batch
}

// forUpdate is nothing: a transaction that may write holds the whole file.
func (*sqliteEngine) forUpdate() string { return "" }

func (*sqliteEngine) clock() string { return "CAST(unixepoch('subsec') * 1000000 AS INTEGER)" }

func (*sqliteEngine) migrations() (goose.Dialect, string, []goose.ProviderOption, error) {
	return goose.DialectSQLite3, "sqlite", nil, nil
}

// batch watches ctx only while it waits for the lock: each statement that could
// be interrupted would cost a goroutine.
func (e *sqliteEngine) batch(ctx context.Context, f func(run runner) error) error {
	prepared, err := e.prepare(ctx)
	if err != nil {
		return err
	}
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // no effect after a commit
	deaf := context.WithoutCancel(ctx)
	stmts := make(map[string]*sql.Stmt, len(prepared))
	err = f(func(all []statement) error {
		for i := range all {
			s := &all[i]
			if stmts[s.sql] == nil {
				stmts[s.sql] = tx.StmtContext(deaf, prepared[s.sql])
			}
			if err := runPrepared(deaf, stmts[s.sql], s); err != nil {
				return &statementError{s.entry, err}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%w: %w", journal.ErrOutcomeUnknown, err)
	}
	return nil
}

func runPrepared(ctx context.Context, stmt *sql.Stmt, s *statement) error {
	if s.scan != nil {
		return s.scan(stmt.QueryRowContext(ctx, s.args...))
	}
	if s.each != nil {
		rows, err := stmt.QueryContext(ctx, s.args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		return eachRow(rows, s.each)
	}
	r, err := stmt.ExecContext(ctx, s.args...)
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err != nil {
		return err
	}
	return s.check(n)
}

// prepare prepares what batches are made of, before a transaction holds the
// only connection.
func (e *sqliteEngine) prepare(ctx context.Context) (map[string]*sql.Stmt, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.prepared != nil {
		return e.prepared, nil
	}
	prepared := make(map[string]*sql.Stmt, len(batchSQL))
	for _, text := range batchSQL {
		stmt, err := e.db.PrepareContext(ctx, text)
		if err != nil {
			_ = closeAll(prepared) // the failure before it counts
			return nil, fmt.Errorf("prepare the journal's statements: %w", err)
		}
		prepared[text] = stmt
	}
	e.prepared = prepared
	return prepared, nil
}

func (e *sqliteEngine) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return closeAll(e.prepared)
}

func closeAll(stmts map[string]*sql.Stmt) (err error) {
	for _, stmt := range stmts {
		err = errors.Join(err, stmt.Close())
	}
	return err
}

func (*sqliteEngine) refused(err error) (sallyport.Code, bool) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return "", false
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return sallyport.Conflict, true
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return sallyport.NotFound, true
	}
	const primary = 0xff // the low byte is the kind of error, the rest its detail
	switch e.Code() & primary {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE:
		return sallyport.Internal, true
	}
	return "", false
}

var _ engine = (*sqliteEngine)(nil)
