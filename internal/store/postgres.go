package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// postgresEngine sends the statements of a batch together: four round trips in
// all, for begin, reading and locking, writing, and commit. Organisations with
// budgets need one more to read them.
type postgresEngine struct {
	db     *sql.DB
	config *pgx.ConnConfig // of the listener's connection
}

func (*postgresEngine) forUpdate() string { return " FOR UPDATE" }

// clock is the server's, the same for all nodes, and goes on within a transaction.
func (*postgresEngine) clock() string {
	return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
}

func (*postgresEngine) close() error { return nil }

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

func (e *postgresEngine) batch(ctx context.Context, f func(run runner) error) error {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driver any) error {
		return inBatch(ctx, driver.(*stdlib.Conn).Conn(), f)
	})
}

func inBatch(ctx context.Context, conn *pgx.Conn, f func(run runner) error) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	// After a commit this has no effect; after ctx has ended the connection is
	// closed, which rolls back too.
	defer tx.Rollback(context.WithoutCancel(ctx))
	if err := f(func(all []statement) error { return send(ctx, tx, all) }); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("%w: %w", journal.ErrOutcomeUnknown, err)
	}
	return nil
}

// send sends all statements at once and reads their answers in order.
func send(ctx context.Context, tx pgx.Tx, all []statement) (err error) {
	var batch pgx.Batch
	for i := range all {
		batch.Queue(all[i].sql, all[i].args...)
	}
	answers := tx.SendBatch(ctx, &batch)
	defer func() {
		if closeErr := answers.Close(); err == nil {
			err = closeErr
		}
	}()
	for i := range all {
		if err := all[i].read(answers); err != nil {
			return &statementError{all[i].entry, err}
		}
	}
	return nil
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
)

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
