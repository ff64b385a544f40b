package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sallyport-ai/sallyport"
)

const (
	// busyTimeout is how long a writer waits for another process's transaction.
	busyTimeout = 10 * time.Second
	// The page cache of the connection that writes, at the ends of trees, and of each
	// that reads: room for the upper levels of the trees of a million records. What is
	// not in these mostly is in the system's.
	writeCacheKiB = 8 << 10
	readCacheKiB  = 8 << 10
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
	// A commit waits for the data and for what is needed to read it back, not
	// for time stamps: as SQLite itself does where it is built with it.
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return nil, err
	}
	write, err := sql.Open("sqlite", sqliteDSN(u.Path, o.Durability, writeCacheKiB, "_txlock=immediate"))
	if err != nil {
		return nil, err
	}
	read, err := sql.Open("sqlite", sqliteDSN(u.Path, o.Durability, readCacheKiB, "_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	write.SetMaxOpenConns(1)
	read.SetMaxOpenConns(o.ReadConns)
	read.SetMaxIdleConns(o.ReadConns)
	return &DB{write: write, read: read, engine: &sqliteEngine{db: write, read: read, log: newLogCopier(read, write)}, rows: new(rowRuns)}, nil
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
func sqliteDSN(path, durability string, cacheKiB int, extra string) string {
	synchronous := "FULL" // an fsync with each commit
	if durability == Relaxed {
		synchronous = "NORMAL" // an fsync with each checkpoint
	}
	return fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(%s)"+
		"&_pragma=foreign_keys(1)&_pragma=cache_size(-%d)&_pragma=wal_autocheckpoint(%d)&%s",
		(&url.URL{Path: path}).EscapedPath(), busyTimeout.Milliseconds(), synchronous, cacheKiB, checkpointPagesMax, extra)
}

// sqliteEngine runs a batch statement by statement, each prepared once.
type sqliteEngine struct {
	db   *sql.DB
	read *sql.DB

	writer sqliteWriter // used by whoever holds the connection that writes
	log    *logCopier
}

// forUpdate is nothing: a transaction that may write holds the whole file.
func (*sqliteEngine) forUpdate() string { return "" }

// trusts is true: hardly anybody writes but this process.
func (*sqliteEngine) trusts() bool { return true }

func (*sqliteEngine) bodyHas() string { return "instr(body, $%[1]d) > 0" }

// among writes the numbers out: SQLite has no arrays, and makes each statement anew.
func (*sqliteEngine) among(w *where, column string, numbers []int64) {
	w.WriteString(" AND " + column + " IN (" + joined(numbers) + ")")
}

func (e *sqliteEngine) postingsAmong(org sallyport.OrgID, t term, blocks []int64) (query string, args []any) {
	w := where{args: []any{org, int64(t)}}
	e.among(&w, "block", blocks)
	return `SELECT block, places FROM record_terms WHERE org_id = $1 AND term = $2` + w.String(), w.args
}

func (*sqliteEngine) clock() string { return "CAST(unixepoch('subsec') * 1000000 AS INTEGER)" }

// size leaves the write-ahead log out, which is copied into the file again and again.
func (*sqliteEngine) size() string {
	return `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`
}

// scrub lets SQLite write zeros over what it frees. It is not on for all that
// is deleted: pages that are freed as a whole would be written once more.
func (*sqliteEngine) scrub(ctx context.Context, tx *sql.Tx, on bool) error {
	setting := "PRAGMA secure_delete = 0"
	if on {
		setting = "PRAGMA secure_delete = 1"
	}
	_, err := tx.ExecContext(ctx, setting)
	return err
}

// settle copies the write-ahead log to the file by a connection that reads, so that writers do
// not wait for it. What it cannot copy, the writer does when the log is long.
func (e *sqliteEngine) settle(ctx context.Context) {
	_, _ = e.read.ExecContext(ctx, copyLog)
}

func (*sqliteEngine) migrations() (goose.Dialect, string, []goose.ProviderOption, error) {
	return goose.DialectSQLite3, "sqlite", nil, nil
}

func (e *sqliteEngine) batch(ctx context.Context, f func(run runner) error) error {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driver any) error {
		err := e.writer.batch(ctx, driver, f)
		if err == nil {
			e.log.committed(context.WithoutCancel(ctx), &e.writer)
		}
		return err
	})
}

// close leaves the prepared statements to their connection, which ends them.
func (e *sqliteEngine) close() error {
	e.log.close()
	return nil
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
