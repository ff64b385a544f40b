package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// versions is the migrations' own table; it is made by the program, not restored.
const versions = "goose_db_version"

// Export writes the rows of all our tables, as they are at one moment, to files
// in dir, and describes them in m.
func Export(ctx context.Context, address, dir string, m *Manifest) error {
	return connected(ctx, address, func(conn *pgx.Conn) error {
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		if err != nil {
			return err
		}
		defer tx.Rollback(context.WithoutCancel(ctx)) // it changed nothing
		if m.Schema, err = schema(ctx, tx); err != nil {
			return err
		}
		if m.Tables, err = tables(ctx, tx); err != nil {
			return err
		}
		for _, t := range m.Tables {
			if err := copyOut(ctx, tx, t, filepath.Join(dir, t.File())); err != nil {
				return err
			}
		}
		return nil
	})
}

// Import writes the rows of an export in dir into a database that has our
// tables and no organisation: all or nothing.
func Import(ctx context.Context, address, dir string, m Manifest) error {
	return connected(ctx, address, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if err := importable(ctx, tx, m); err != nil {
				return err
			}
			for _, t := range slices.Backward(m.Tables) { // what migrations put there
				if _, err := tx.Exec(ctx, "DELETE FROM "+quoted(t.Name)); err != nil {
					return fmt.Errorf("empty the table %s: %w", t.Name, err)
				}
			}
			for _, t := range m.Tables {
				if err := copyIn(ctx, tx, t, filepath.Join(dir, t.File())); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// importable says why not.
func importable(ctx context.Context, tx pgx.Tx, m Manifest) error {
	var organisations int
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM organisations").Scan(&organisations); err != nil {
		return err
	}
	if organisations > 0 {
		return errors.New("the database is in use: there are organisations in it. Restore into an empty one")
	}
	have, err := schema(ctx, tx)
	if err != nil {
		return err
	}
	if have != m.Schema {
		return fmt.Errorf("the backup's tables have version %d, this program's %d: restore with the program that made it, %s, and upgrade then", m.Schema, have, m.Program)
	}
	ours, err := tables(ctx, tx)
	if err != nil {
		return err
	}
	same := func(a, b Table) bool { return a.Name == b.Name && slices.Equal(a.Columns, b.Columns) }
	if !slices.EqualFunc(ours, m.Tables, same) {
		return errors.New("the backup's tables are not those of this program")
	}
	return nil
}

func connected(ctx context.Context, address string, f func(conn *pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return errors.New("the database cannot be reached; 'sallyport doctor' says more") // err would quote the address
	}
	return errors.Join(f(conn), conn.Close(context.WithoutCancel(ctx)))
}

func schema(ctx context.Context, tx pgx.Tx) (version int64, err error) {
	err = tx.QueryRow(ctx, "SELECT MAX(version_id) FROM "+versions).Scan(&version)
	return version, err
}

// tables lists our tables with those that others refer to before these.
func tables(ctx context.Context, tx pgx.Tx) ([]Table, error) {
	columns := make(map[string][]string)
	var table, other string
	rows, err := tx.Query(ctx, `
		SELECT c.table_name, c.column_name
		FROM information_schema.columns c
		JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.table_name <> $1
		ORDER BY c.table_name, c.ordinal_position`, versions)
	if err != nil {
		return nil, err
	}
	var names []string
	if _, err := pgx.ForEachRow(rows, []any{&table, &other}, func() error {
		if columns[table] == nil {
			names = append(names, table)
		}
		columns[table] = append(columns[table], other)
		return nil
	}); err != nil {
		return nil, err
	}
	needs := make(map[string][]string)
	rows, err = tx.Query(ctx, `
		SELECT DISTINCT a.relname, b.relname
		FROM pg_constraint f
		JOIN pg_class a ON a.oid = f.conrelid
		JOIN pg_class b ON b.oid = f.confrelid
		WHERE f.contype = 'f' AND f.connamespace = current_schema()::regnamespace AND a.oid <> b.oid
		ORDER BY 1, 2`)
	if err != nil {
		return nil, err
	}
	if _, err := pgx.ForEachRow(rows, []any{&table, &other}, func() error {
		needs[table] = append(needs[table], other)
		return nil
	}); err != nil {
		return nil, err
	}
	ordered := make([]Table, 0, len(names))
	for _, name := range inOrder(names, needs) {
		ordered = append(ordered, Table{name, columns[name]})
	}
	return ordered, nil
}

// inOrder sorts names so that each comes after those it needs.
func inOrder(names []string, needs map[string][]string) (ordered []string) {
	placed := make(map[string]bool)
	var place func(name string)
	place = func(name string) {
		if placed[name] {
			return
		}
		placed[name] = true
		for _, n := range needs[name] {
			place(n)
		}
		ordered = append(ordered, name)
	}
	for _, name := range names {
		place(name)
	}
	return ordered
}

// File is where in a bundle the table's rows are.
func (t Table) File() string { return "tables/" + t.Name + ".copy" }

func (t Table) columnList() string {
	list := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		list[i] = quoted(c)
	}
	return strings.Join(list, ", ")
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

func copyOut(ctx context.Context, tx pgx.Tx, t Table, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = tx.Conn().PgConn().CopyTo(ctx, f, fmt.Sprintf("COPY %s (%s) TO STDOUT", quoted(t.Name), t.columnList()))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("export the table %s: %w", t.Name, err)
	}
	return nil
}

func copyIn(ctx context.Context, tx pgx.Tx, t Table, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("the backup has no rows of the table %s: %w", t.Name, err)
	}
	defer f.Close()
	if _, err := tx.Conn().PgConn().CopyFrom(ctx, f, fmt.Sprintf("COPY %s (%s) FROM STDIN", quoted(t.Name), t.columnList())); err != nil {
		return fmt.Errorf("import the table %s: %w", t.Name, err)
	}
	return nil
}
