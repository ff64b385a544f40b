package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

func openPostgres(o Options) (*DB, error) {
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, errors.New("the database URL cannot be read") // err would quote it
	}
	config.RuntimeParams["synchronous_commit"] = "on"
	if o.Durability == Relaxed {
		config.RuntimeParams["synchronous_commit"] = "off"
	}
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(o.ReadConns)
	pool.SetMaxIdleConns(o.ReadConns)
	return &DB{write: pool, read: pool, engine: &postgresEngine{db: pool, config: config}}, nil
}

// postgresEngine sends the statements of a batch together, those that insert many
// rows into one table as one: three round trips in all, for reading and locking,
// writing, and commit. Organisations with budgets need one more to read them. What
// commitAtOnce is given takes one.
type postgresEngine struct {
	db     *sql.DB
	config *pgx.ConnConfig // of the listener's connection
}

func (*postgresEngine) forUpdate() string { return " FOR UPDATE" }

func (*postgresEngine) bodyHas() string { return "position($%[1]d::bytea IN body) > 0" }

// among has one argument, so that there is one statement to prepare.
func (*postgresEngine) among(w *where, column string, numbers []int64) {
	w.add(column+" = ANY(CAST($%[1]d AS BIGINT[]))", array(numbers))
}

// postingsAmong has a LIMIT that leaves the planner no choice: it would read all
// blocks of the term and compare each with all that are wanted.
func (*postgresEngine) postingsAmong(org sallyport.OrgID, t term, blocks []int64) (query string, args []any) {
	return `SELECT p.block, p.places FROM unnest(CAST($3 AS BIGINT[])) AS wanted (block) CROSS JOIN LATERAL (
			SELECT block, places FROM record_terms
			WHERE org_id = $1 AND term = $2 AND block = wanted.block LIMIT 1) AS p`,
		[]any{org, int64(t), array(blocks)}
}

func array(numbers []int64) string { return "{" + joined(numbers) + "}" }

// clock is the server's, the same for all nodes, and goes on within a transaction.
func (*postgresEngine) clock() string {
	return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
}

func (*postgresEngine) size() string { return `SELECT pg_database_size(current_database())` }

func (*postgresEngine) close() error { return nil }

// scrub does nothing: VACUUM overwrites what was deleted.
func (*postgresEngine) scrub(context.Context, *sql.Tx, bool) error { return nil }

func (*postgresEngine) settle(context.Context) {} // PostgreSQL does it by itself

// Processes that start together wait for the one that migrates: they ask each
// second, for a minute.
const migrationProbeSeconds, migrationProbes = 1, 60

func (*postgresEngine) migrations() (goose.Dialect, string, []goose.ProviderOption, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(migrationProbeSeconds, migrationProbes))
	if err != nil {
		return "", "", nil, err
	}
	return goose.DialectPostgres, "postgres", []goose.ProviderOption{goose.WithSessionLocker(locker)}, nil
}

// trusts is false: any number of nodes write. See commitAtOnce.
func (*postgresEngine) trusts() bool { return false }

func (e *postgresEngine) batch(ctx context.Context, f func(run runner) error) error {
	return e.inTransaction(ctx, func(tx *postgresBatch) error {
		if err := f(func(all []statement) error { return tx.send(ctx, all) }); err != nil {
			return err
		}
		if err := tx.commit(ctx); err != nil {
			return fmt.Errorf("%w: %w", journal.ErrOutcomeUnknown, err)
		}
		return nil
	})
}

// inTransaction gives f a connection for a transaction, and rolls back what f leaves open.
func (e *postgresEngine) inTransaction(ctx context.Context, f func(tx *postgresBatch) error) error {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driver any) error {
		tx := postgresBatch{conn: driver.(*stdlib.Conn).Conn()}
		// After a commit this has no effect; after ctx has ended the connection is
		// closed, which rolls back too.
		defer tx.rollBack(context.WithoutCancel(ctx))
		return f(&tx)
	})
}

// postgresBatch is a transaction that begins with its first statements: to begin
// it by itself would be one more round trip.
type postgresBatch struct {
	conn  *pgx.Conn
	begun bool
}

const sqlBegin = "BEGIN"

// send sends all statements at once and reads their answers in order.
func (t *postgresBatch) send(ctx context.Context, all []statement) (err error) {
	if all, err = gather(ctx, t.conn, all); err != nil {
		return err
	}
	if !t.begun {
		t.begun = true
		all = slices.Insert(all, 0, statement{sql: sqlBegin, entry: noEntry, rows: anyRows})
	}
	answers := t.conn.SendBatch(ctx, queue(all))
	defer func() {
		if closeErr := answers.Close(); err == nil {
			err = closeErr
		}
	}()
	return readAll(all, answers)
}

func queue(all []statement) *pgx.Batch {
	var batch pgx.Batch
	for i := range all {
		batch.Queue(all[i].sql, all[i].args...)
	}
	return &batch
}

func readAll(all []statement, answers pgx.BatchResults) error {
	for i := range all {
		if err := all[i].read(answers); err != nil {
			return &statementError{all[i].entry, err}
		}
	}
	return nil
}

const sqlCommit = "COMMIT"

func (t *postgresBatch) commit(ctx context.Context) error {
	return checkCommit(t.conn.Exec(ctx, sqlCommit))
}

// checkCommit fails also when there was nothing to commit, because a statement had failed.
func checkCommit(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.String() != sqlCommit {
		return pgx.ErrTxCommitRollback
	}
	return err
}

// rollBack ends the transaction if it has not ended. If it cannot, the connection is
// of no use any more, and database/sql opens another.
func (t *postgresBatch) rollBack(ctx context.Context) {
	const idle = 'I'
	if t.conn.PgConn().TxStatus() == idle {
		return
	}
	if _, err := t.conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = t.conn.Close(ctx) // it was broken before
	}
}

func (s *statement) read(answers pgx.BatchResults) error {
	if s.scan != nil {
		return s.scan(answers.QueryRow())
	}
	if s.each != nil {
		rows, err := answers.Query()
		if err != nil {
			return err
		}
		defer rows.Close()
		return eachRow(rows, s.each)
	}
	tag, err := answers.Exec()
	if err != nil {
		return err
	}
	return s.check(tag.RowsAffected())
}

// SQLSTATE codes of errors that the data caused.
const (
	uniqueViolation     = "23505"
	foreignKeyViolation = "23503"
	integrityClass      = "23"
	dataClass           = "22"
	limitClass          = "54" // program limits, such as the size of an index entry
	badCharacter        = "22021"
)

// notText says that an argument had a NUL or was not UTF-8, which PostgreSQL takes for
// no text. SQLite does not mind.
func notText(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == badCharacter
}

func (*postgresEngine) refused(err error) (sallyport.Code, bool) {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return "", false
	}
	switch {
	case e.Code == uniqueViolation:
		return sallyport.Conflict, true
	case e.Code == foreignKeyViolation:
		return sallyport.NotFound, true
	case strings.HasPrefix(e.Code, integrityClass), strings.HasPrefix(e.Code, dataClass), strings.HasPrefix(e.Code, limitClass):
		return sallyport.Internal, true
	}
	return "", false
}

var _ engine = (*postgresEngine)(nil)
