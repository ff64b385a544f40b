package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/sallyport-ai/sallyport"
)

// migrations are numbered over all folders; a database takes those of "both"
// and its own. They only go forward.
//
// The program before and after each works with it, so that several servers can
// be brought up to date one after the other: a migration adds tables, and
// columns with a default, and takes nothing away. What must go is taken away a
// release later, when no program asks for it any more; then oldestProgram says
// which programs can work with the database from there on.
//
//go:embed migrations
var migrations embed.FS

// oldestProgram is the newest migration that a program must know at least to
// work with the tables of this one. Migrations before it broke the rule above;
// no program that knew only them was released.
const oldestProgram = 9

// migrate brings the tables up to date, with the migrations up to newest. Two
// processes may try at once: Postgres makes one wait; on SQLite the loser of the
// race finds the work done when it tries again.
func (db *DB) migrate(ctx context.Context, newest int64) error {
	provider, err := db.migrator(newest)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	for range len(sources) + 1 {
		if _, err = provider.Up(ctx); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("bring the database's tables up to date: %w", err)
	}
	if known := sources[len(sources)-1].Version; known >= oldestProgram {
		if err := db.checkProgram(ctx, known); err != nil {
			return err
		}
	}
	return db.addInstanceChain(ctx)
}

func (db *DB) migrator(newest int64) (*goose.Provider, error) {
	dialect, folder, options, err := db.engine.migrations()
	if err != nil {
		return nil, err
	}
	own, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		return nil, err
	}
	both, err := fs.Sub(migrations, "migrations/both")
	if err != nil {
		return nil, err
	}
	options = append(options, goose.WithDisableGlobalRegistry(true))
	return goose.NewProvider(dialect, db.write, overlay{[]fs.FS{both, own}, newest}, options...)
}

// oldestValue is the instance's value that says which programs can work with
// the database: oldestProgram of the newest program that has opened it.
const oldestValue = "oldest_program"

// checkProgram refuses a database from which a newer program has taken away what
// this one, which knows migrations up to known, still asks for.
func (db *DB) checkProgram(ctx context.Context, known int64) error {
	stored, err := db.InstanceValue(ctx, oldestValue)
	if sallyport.CodeOf(err) == sallyport.NotFound {
		stored, err = db.AddInstanceValue(ctx, oldestValue, strconv.AppendInt(nil, oldestProgram, 10))
	}
	if err != nil {
		return err
	}
	oldest, err := strconv.ParseInt(string(stored), 10, 64)
	switch {
	case err != nil:
		return fmt.Errorf("the instance's value %s is no number", oldestValue)
	case oldest > known:
		return fmt.Errorf("a newer program has brought the database up to date: it needs one that knows migration %d, and this one knows %d: install a newer version", oldest, known)
	case oldest < oldestProgram:
		_, err = db.write.ExecContext(ctx, `UPDATE instance SET value = $2 WHERE name = $1 AND value = $3`,
			oldestValue, strconv.AppendInt(nil, oldestProgram, 10), stored)
	}
	return err
}

// overlay shows several folders as one, without the migrations beyond newest.
type overlay struct {
	folders []fs.FS
	newest  int64
}

func (o overlay) Open(name string) (fs.File, error) {
	for _, folder := range o.folders {
		f, err := folder.Open(name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	var all []fs.DirEntry
	for _, folder := range o.folders {
		entries, err := fs.ReadDir(folder, name)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	all = slices.DeleteFunc(all, func(e fs.DirEntry) bool {
		version, err := goose.NumericComponent(e.Name())
		return err == nil && version > o.newest
	})
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

var _ fs.ReadDirFS = overlay{}
