// Package store keeps everything in one SQL database: a SQLite file, or
// Postgres. The SQL text is the same for both; what differs has a name in
// sqlite.go or postgres.go. storetest holds the contract that both fulfil.
//
// A method is one transaction. A change made by a person comes with the Record
// that tells of it, and both are written or neither. The order of locks is the
// same everywhere, so that nothing waits in a circle: the chain heads of the
// organisations concerned by id, then everything else, and the counter of
// changes last. As the chain head is locked first, two changes of one
// organisation never overlap, in this process or another.
//
// Several processes may write the same database, a server and the command line
// beside it. So what a batch keeps in memory for the next (batch_last.go), and for
// those who follow the trail (recent.go), is compared with the database when it is
// used, and so is which rows the records are in (rows.go); besides only names of keys
// are cached, which nobody changes (names.go).
//
// Unknown ids are sallyport.NotFound, and so are ids of another organisation;
// what exists already is sallyport.Conflict.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/url"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

// The settings of Options.Durability.
const (
	Strict  = "strict"  // what was committed survives a power cut
	Relaxed = "relaxed" // it survives the end of the process; a power cut may take the last moments
)

// Options say which database to open and how.
type Options struct {
	// URL is "sqlite:///absolute/path/file.db" or "postgres://user@host:port/name".
	URL string
	// Durability is Strict or Relaxed; empty: Strict.
	Durability string
	// ReadConns is how many queries may run at once: SQLite's readers beside the
	// one writer, all connections of Postgres. 0: 8.
	ReadConns int
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

const readConnsDefault = 8

// DB is the database. Its methods are safe for concurrent use. The zero value
// is not usable.
type DB struct {
	write  *sql.DB // SQLite: one connection, whose transactions begin as writers
	read   *sql.DB // the same as write on Postgres
	engine engine
	now    func() time.Time

	last   lastState
	recent recent

	keyNames keyNames
	rows     *rowRuns // nil on Postgres
}

// engine is what differs between the databases beyond SQL text.
type engine interface {
	// forUpdate ends a SELECT that locks the rows it finds.
	forUpdate() string
	// trusts says that what this process wrote last is most likely still so: a
	// batch then begins with it instead of reading it.
	trusts() bool
	// bodyHas is the condition that the bytes of a record have the argument in them.
	bodyHas() string
	// among adds the condition that a column of numbers has one of these.
	among(w *where, column string, numbers []int64)
	// postingsAmong is the query for the postings of a term in these blocks, one
	// lookup each.
	postingsAmong(org sallyport.OrgID, t term, blocks []int64) (query string, args []any)
	// size is the query for the bytes that the database takes on disk.
	size() string
	// clock is an expression for the time of day, in microseconds since 1970.
	clock() string
	// batch calls f in a transaction of the journal and commits it unless f
	// fails. When it is not known whether the commit took effect, the error is
	// journal.ErrOutcomeUnknown.
	batch(ctx context.Context, f func(run runner) error) error
	// scrub makes what tx deletes unreadable in the file too, until it is told
	// off again.
	scrub(ctx context.Context, tx *sql.Tx, on bool) error
	// settle does between large writes what would hold up whoever writes next.
	settle(ctx context.Context)
	// watch calls moved whenever the counter of changes may have moved, until it
	// cannot tell any more.
	watch(ctx context.Context, moved func()) error
	// refused says that err comes from the data, not the database: Conflict
	// for what exists, NotFound for a reference to nothing, Internal otherwise.
	refused(err error) (code sallyport.Code, ok bool)
	// migrations returns goose's name for the database, the folder of its own
	// migrations, and how several processes wait for each other.
	migrations() (dialect goose.Dialect, folder string, options []goose.ProviderOption, err error)
	close() error
}

// Open opens the database and brings its tables up to date.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Durability == "" {
		o.Durability = Strict
	}
	if o.Durability != Strict && o.Durability != Relaxed {
		return nil, fmt.Errorf("durability is %q; it must be %q or %q", o.Durability, Strict, Relaxed)
	}
	if o.ReadConns <= 0 {
		o.ReadConns = readConnsDefault
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	db, err := open(o)
	if err != nil {
		return nil, err
	}
	db.now = o.Now
	err = db.migrate(ctx, math.MaxInt64)
	if err == nil {
		err = db.nameAgents(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func open(o Options) (*DB, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("the database URL cannot be read") // err would quote its password
	}
	switch u.Scheme {
	case "sqlite":
		return openSQLite(u, o)
	case "postgres", "postgresql":
		return openPostgres(o)
	}
	return nil, fmt.Errorf("database URL begins with %q; it must be sqlite:///absolute/path/file.db or postgres://…", u.Scheme)
}

// Close ends all connections. Transactions under way are rolled back.
func (db *DB) Close() error {
	err := errors.Join(db.engine.close(), db.write.Close())
	if db.read != db.write {
		err = errors.Join(err, db.read.Close())
	}
	return err
}

// Changes is a counter that grows with every change that a person makes. Who
// keeps copies of settings drops them when it has moved. Calls, runs and their
// steps do not move it.
func (db *DB) Changes(ctx context.Context) (n int64, err error) {
	err = db.read.QueryRowContext(ctx, sqlChanges).Scan(&n)
	return n, err
}

const sqlCountChange = `UPDATE changes SET n = n + 1 WHERE id = 1`

// errUnchanged ends a transaction that has nothing to do.
var errUnchanged = errors.New("nothing to change")

// change locks the organisation, lets f make a change, appends the record and
// moves the counter of changes: all or nothing. f may complete rec. When f
// returns errUnchanged nothing is written and change returns nil.
func (db *DB) change(ctx context.Context, org sallyport.OrgID, rec sallyport.Record, f func(tx *sql.Tx, rec *sallyport.Record) error) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, rec *sallyport.Record) error {
		if err := f(tx, rec); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, sqlCountChange)
		return err
	})
}

// record is change for what nobody keeps copies of.
func (db *DB) record(ctx context.Context, org sallyport.OrgID, rec sallyport.Record, f func(tx *sql.Tx, rec *sallyport.Record) error) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		head, err := db.lockHead(ctx, tx, org)
		if err != nil {
			return err
		}
		if err := f(tx, &rec); err != nil {
			return err
		}
		return db.append(ctx, tx, head, rec)
	})
}

// transact runs f in a transaction that may write. Errors that the data caused
// come back as *sallyport.Error.
func (db *DB) transact(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // no effect after a commit
	err = f(tx)
	if errors.Is(err, errUnchanged) {
		return nil
	}
	if err == nil {
		err = tx.Commit()
	}
	return db.known(err)
}

// known gives errors that the data caused their code.
func (db *DB) known(err error) error {
	var e *sallyport.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	switch code, _ := db.engine.refused(err); code {
	case sallyport.Conflict:
		return sallyport.WrapError(code, "It exists already.", err)
	case sallyport.NotFound:
		return sallyport.WrapError(code, "Something it refers to does not exist.", err)
	}
	return orUnwritable(err)
}

// orUnwritable says of a text that no column can have that it is the caller's.
func orUnwritable(err error) error {
	if notText(err) {
		return sallyport.WrapError(sallyport.InvalidBody, "It has a text with a character that cannot be stored.", err)
	}
	return err
}

// notFound says that there is no such thing in the organisation.
func notFound(what string) error {
	return sallyport.NewError(sallyport.NotFound, "There is no such "+what+".")
}

// orNotFound turns the absence of a row into NotFound: nothing has a name that is no
// text.
func orNotFound(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) || notText(err) {
		return notFound(what)
	}
	return err
}

// changed says whether a statement changed a row.
func changed(r sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// micros is how times are stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// timeOf reverses micros.
func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

var _ journal.Store = (*DB)(nil)
