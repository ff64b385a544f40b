package store

import (
	"embed"
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// migrations are numbered over all folders; a database takes those of "both"
// and its own. They only go forward, and the program before and after each
// works with it.
//
//go:embed migrations
var migrations embed.FS

// overlay shows several folders as one.
type overlay []fs.FS

func (o overlay) Open(name string) (fs.File, error) {
	for _, folder := range o {
		f, err := folder.Open(name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	var all []fs.DirEntry
	for _, folder := range o {
		entries, err := fs.ReadDir(folder, name)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

var _ fs.ReadDirFS = overlay(nil)
