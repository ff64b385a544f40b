package store

import (
	"errors"
	"fmt"
)

// statement is one step of a journal's transaction. SQLite runs the steps one
// by one, Postgres gets them in one go, with the same text unless it puts rows
// together.
type statement struct {
	sql   string
	args  []any
	entry int                 // the entry it is for; noEntry: for the batch
	scan  func(scanner) error // of a query for one row
	each  func(scanner) error // of a query for any number of rows
	rows  int64               // how many rows it must change; anyRows: any number
	// inserts says that it inserts so many rows or fails.
	inserts bool
	// gather says that it inserts a row which may be inserted together with others:
	// an error is then that of them all.
	gather bool
}

const (
	noEntry = -1
	anyRows = -1
)

// check compares the number of rows with what must be: the guards in the
// statements hold even if the locks did not.
func (s *statement) check(rows int64) error {
	if s.rows != anyRows && rows != s.rows {
		return fmt.Errorf("%w: %d rows instead of %d", errGuard, rows, s.rows)
	}
	return nil
}

var errGuard = errors.New("another writer changed what this transaction had locked")

// runner runs statements in order, up to the first error, a *statementError.
type runner func([]statement) error

// statementError says for which entry a statement failed.
type statementError struct {
	entry int
	err   error
}

func (e *statementError) Error() string { return e.err.Error() }
func (e *statementError) Unwrap() error { return e.err }
