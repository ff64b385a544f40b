package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport-ai/sallyport/internal/journal"
)

// unlessKept are the statements of a batch with guards, in the form that fails in
// the database unless they change, or find, their row.
var unlessKept = map[string]string{
	sqlMoveHead:    failUnlessOne(sqlMoveHead + returning),
	sqlMoveAccount: failUnlessOne(sqlMoveAccount + returning),
	sqlMoveBudget:  failUnlessOne(sqlMoveBudget + returning),
	sqlCloseCall:   failUnlessOne(sqlCloseCall + returning),
	sqlLeased:      failUnlessOne(sqlLeased),
}

const returning = `
		RETURNING 1`

// failUnlessOne divides by the number of rows: nothing else in a batch divides.
func failUnlessOne(text string) string {
	return "WITH kept AS (" + text + ") SELECT 1 / count(*) FROM kept"
}

// SQLSTATE codes of a guard that has failed, and of a lock that was not had in time.
const (
	divisionByZero   = "22012"
	lockNotAvailable = "55P03"
)

// sqlLockTimeout is how long such a transaction waits for a lock, in milliseconds. One
// whose connection is lost can go on waiting and then commit: it must not, once the
// journal has looked for it for ten seconds and told its callers that it is not there.
const sqlLockTimeout = "SET LOCAL lock_timeout = 5000"

func (e *postgresEngine) commitAtOnce(ctx context.Context, locks, writes []statement) error {
	return e.inTransaction(ctx, func(tx *postgresBatch) error {
		writes, err := gather(ctx, tx.conn, writes)
		if err != nil {
			return err
		}
		all := slices.Concat([]statement{
			{sql: sqlBegin, entry: noEntry, rows: anyRows},
			{sql: sqlLockTimeout, entry: noEntry, rows: anyRows},
		}, locks, writes)
		if err := guard(all); err != nil {
			return err
		}
		return tx.sendWhole(ctx, all)
	})
}

// guard lets the database fail where a statement on its own would leave that to
// whoever reads its answer, which is too late here.
func guard(all []statement) error {
	for i := range all {
		s := &all[i]
		if text, guarded := unlessKept[s.sql]; guarded {
			s.sql = text
		} else if s.rows != anyRows && !s.inserts {
			return fmt.Errorf("the database cannot guard: %s", s.sql)
		}
	}
	return nil
}

// sendWhole sends all statements of a transaction and its COMMIT at once. The
// database leaves out what follows a statement that it refuses, COMMIT too.
// Whatever else goes wrong can have happened after the commit.
func (t *postgresBatch) sendWhole(ctx context.Context, all []statement) error {
	batch := queue(all)
	batch.Queue(sqlCommit)
	answers := t.conn.SendBatch(ctx, batch)
	err := readAll(all, answers)
	refused := refusedStatement(err)
	if err == nil {
		err = checkCommit(answers.Exec())
	}
	if closeErr := answers.Close(); err == nil {
		err = closeErr
	}
	switch {
	case err == nil:
		return nil
	case refused == nil:
		return fmt.Errorf("%w: %v", journal.ErrOutcomeUnknown, err) // no error of a statement any more
	case refused.Code == divisionByZero, refused.Code == lockNotAvailable:
		return fmt.Errorf("%w: %w", errGuard, err)
	}
	return err
}

// refusedStatement is the database's word that a statement failed and the connection
// goes on, or nil.
func refusedStatement(err error) *pgconn.PgError {
	const goesOn = "ERROR"
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.SeverityUnlocalized == goesOn {
		return refused
	}
	return nil
}

var _ atOnce = (*postgresEngine)(nil)
