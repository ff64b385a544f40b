package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"

	"github.com/sallyport-ai/sallyport/internal/journal"
)

// sqliteWriter is the connection that writes, as its driver gives it. A call
// takes five statements, and the layer of database/sql above them would cost a
// third of each. The zero value is ready.
type sqliteWriter struct {
	conn     any                        // what prepared belongs to
	prepared map[string]sqliteStatement // by text
	args     []driver.NamedValue        // room for arguments
	row      sqliteRow                  // room for a row
}

type sqliteStatement interface {
	driver.StmtExecContext
	driver.StmtQueryContext
}

// batch calls f in a transaction and commits it unless f fails. It watches ctx
// only while it waits for the lock: each statement that could be interrupted
// would cost a goroutine.
func (w *sqliteWriter) batch(ctx context.Context, conn any, f func(run runner) error) error {
	if w.conn != conn {
		w.conn, w.prepared = conn, make(map[string]sqliteStatement)
	}
	if _, err := w.exec(ctx, "BEGIN IMMEDIATE", nil); err != nil {
		return err
	}
	deaf := context.WithoutCancel(ctx)
	if err := f(func(all []statement) error { return w.runAll(deaf, all) }); err != nil {
		return errors.Join(err, w.rollBack(deaf))
	}
	if _, err := w.exec(deaf, "COMMIT", nil); err != nil {
		_ = w.rollBack(deaf) // there is nothing to roll back when it was done after all
		return fmt.Errorf("%w: %w", journal.ErrOutcomeUnknown, err)
	}
	return nil
}

// rollBack ends the transaction. If it cannot, the connection is of no use any
// more, and database/sql opens another.
func (w *sqliteWriter) rollBack(ctx context.Context) error {
	if _, err := w.exec(ctx, "ROLLBACK", nil); err != nil {
		w.conn = nil
		return fmt.Errorf("%w: %w", driver.ErrBadConn, err)
	}
	return nil
}

func (w *sqliteWriter) runAll(ctx context.Context, all []statement) error {
	for i := range all {
		if err := w.run(ctx, &all[i]); err != nil {
			return &statementError{all[i].entry, err}
		}
	}
	return nil
}

func (w *sqliteWriter) run(ctx context.Context, s *statement) error {
	switch {
	case s.scan != nil:
		found := false
		err := w.query(ctx, s, func(row scanner) error {
			found = true
			return s.scan(row)
		})
		if err == nil && !found {
			err = s.scan(noRow{})
		}
		return err
	case s.each != nil:
		return w.query(ctx, s, s.each)
	}
	n, err := w.exec(ctx, s.sql, s.args)
	if err != nil {
		return err
	}
	return s.check(n)
}

func (w *sqliteWriter) exec(ctx context.Context, text string, args []any) (rows int64, err error) {
	stmt, err := w.prepare(ctx, text)
	if err != nil {
		return 0, err
	}
	r, err := stmt.ExecContext(ctx, w.named(args))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (w *sqliteWriter) query(ctx context.Context, s *statement, each func(scanner) error) (err error) {
	stmt, err := w.prepare(ctx, s.sql)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, w.named(s.args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	w.row = append(w.row[:0], make(sqliteRow, len(rows.Columns()))...)
	for {
		switch err := rows.Next(w.row); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := each(w.row); err != nil {
			return err
		}
	}
}

func (w *sqliteWriter) named(args []any) []driver.NamedValue {
	w.args = w.args[:0]
	for i, v := range args {
		w.args = append(w.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return w.args
}

func (w *sqliteWriter) prepare(ctx context.Context, text string) (sqliteStatement, error) {
	if stmt := w.prepared[text]; stmt != nil {
		return stmt, nil
	}
	conn, ok := w.conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errDriver
	}
	made, err := conn.PrepareContext(ctx, unnamed(text))
	if err != nil {
		return nil, err
	}
	stmt, ok := made.(sqliteStatement)
	if !ok {
		return nil, errors.Join(errDriver, made.Close())
	}
	w.prepared[text] = stmt
	return stmt, nil
}

var errDriver = errors.New("the driver of SQLite cannot prepare statements")

var parameter = regexp.MustCompile(`\$\d+`)

// unnamed is the text with "?" for its parameters if they stand in their order:
// the driver looks up the name of one that has a name whenever it is bound.
func unnamed(text string) string {
	for i, name := range parameter.FindAllString(text, -1) {
		if name != "$"+strconv.Itoa(i+1) {
			return text
		}
	}
	return parameter.ReplaceAllString(text, "?")
}

// noRow is what a query for one row finds when there is none.
type noRow struct{}

func (noRow) Scan(...any) error { return sql.ErrNoRows }

// sqliteRow is a row as the driver gives it: integers, texts and blobs.
type sqliteRow []driver.Value

// Scan fills integers, booleans, texts and blobs, of named types too.
func (r sqliteRow) Scan(dest ...any) error {
	if len(dest) != len(r) {
		return fmt.Errorf("a row has %d columns, and %d are wanted", len(r), len(dest))
	}
	for i, d := range dest {
		if err := assign(d, r[i]); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

func assign(dest any, v driver.Value) error {
	to := reflect.ValueOf(dest).Elem()
	switch v := v.(type) {
	case int64:
		switch to.Kind() {
		case reflect.Int64:
			to.SetInt(v)
			return nil
		case reflect.Bool:
			to.SetBool(v != 0)
			return nil
		}
	case bool:
		if to.Kind() == reflect.Bool {
			to.SetBool(v)
			return nil
		}
	case string:
		if to.Kind() == reflect.String {
			to.SetString(v)
			return nil
		}
	case []byte:
		if to.Kind() == reflect.Slice && to.Type().Elem().Kind() == reflect.Uint8 {
			to.SetBytes(v)
			return nil
		}
	}
	return fmt.Errorf("a %T cannot be a %s", v, to.Type())
}
