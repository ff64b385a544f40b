package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/sallyport-ai/sallyport/internal/backup"
	"github.com/sallyport-ai/sallyport/internal/config"
)

type backupCmd struct {
	File           string   `arg:"" help:"File to write; it must not be there yet. - for standard output."`
	Recipient      []string `help:"Who can open it: an age public key (age1…). Can be repeated." placeholder:"KEY"`
	RecipientsFile string   `help:"File with such keys, one a line." placeholder:"FILE"`
	passphraseFlag
}

// passphraseFlag is the other way to seal and open a backup. The passphrase
// itself is no flag: all users of a machine can see those.
type passphraseFlag struct {
	PassphraseFile string `help:"File with a passphrase. Default: the variable SALLYPORT_BACKUP_PASSPHRASE." placeholder:"FILE"`
}

const passphraseVariable = "SALLYPORT_BACKUP_PASSPHRASE"

// passphraseMin is the shortest passphrase that a backup is made under.
const passphraseMin = 12

// passphrase returns "" when there is none.
func (p passphraseFlag) passphrase(a *app) (string, error) {
	if p.PassphraseFile != "" {
		text, err := os.ReadFile(p.PassphraseFile)
		if err == nil && strings.TrimSpace(string(text)) == "" {
			err = fmt.Errorf("%s holds no passphrase", p.PassphraseFile)
		}
		return strings.TrimSpace(string(text)), err
	}
	for _, entry := range a.environ {
		if value, found := strings.CutPrefix(entry, passphraseVariable+"="); found {
			return value, nil
		}
	}
	return "", nil
}

// What of the data folder is no file of a backup: the databases are copied in
// their own way, and the master key stays where it is.
const runsFile = "runs.db" // package agent's

const (
	stagePrefix = "backup-"  // a backup is put together here
	placePrefix = "restore-" // and taken apart here
	filesFolder = "files"    // in the bundle
)

func (c *backupCmd) Run(ctx context.Context, a *app) (err error) {
	cfg, err := a.configuration(ctx, "", false)
	if err != nil {
		return err
	}
	to, err := c.recipients(a)
	if err != nil {
		return err
	}
	stage, err := os.MkdirTemp(a.data, stagePrefix)
	if err != nil {
		return fmt.Errorf("a backup is put together in the data folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	b := bundle{app: a, cfg: cfg, stage: stage, manifest: backup.Manifest{Program: programVersion(), Made: a.now().UTC()}}
	if err := b.collect(ctx); err != nil {
		return err
	}
	if c.File == "-" {
		return b.write(a.out, to)
	}
	if err := writeNew(c.File, func(w io.Writer) error { return b.write(w, to) }); err != nil {
		return err
	}
	fmt.Fprintf(a.log, "%s is written. The master key is not in it: keep a copy of the key in another place.\n", c.File)
	return nil
}

// recipients are who can open the backup.
func (c *backupCmd) recipients(a *app) ([]age.Recipient, error) {
	text := strings.Join(c.Recipient, "\n")
	if c.RecipientsFile != "" {
		file, err := os.ReadFile(c.RecipientsFile)
		if err != nil {
			return nil, err
		}
		text += "\n" + string(file)
	}
	passphrase, err := c.passphrase(a)
	switch {
	case err != nil:
		return nil, err
	case strings.TrimSpace(text) != "" && c.PassphraseFile != "":
		return nil, errors.New("a backup is either for recipients or under a passphrase: leave one out")
	case strings.TrimSpace(text) != "":
		to, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("recipients: %w", err)
		}
		return to, nil
	case passphrase == "":
		return nil, fmt.Errorf("say who can open the backup: --recipient age1…, or --passphrase-file, or the variable %s", passphraseVariable)
	case len(passphrase) < passphraseMin:
		return nil, fmt.Errorf("the passphrase is shorter than %d characters", passphraseMin)
	}
	to, err := age.NewScryptRecipient(passphrase)
	return []age.Recipient{to}, err
}

// bundle is a backup that is being put together.
type bundle struct {
	app      *app
	cfg      *config.Config
	stage    string
	manifest backup.Manifest
	entries  []bundleEntry
}

type bundleEntry struct{ name, path string }

func (b *bundle) add(name, path string) { b.entries = append(b.entries, bundleEntry{name, path}) }

// collect copies what others write to, and lists the rest.
func (b *bundle) collect(ctx context.Context) error {
	// The state of runs comes first: a run that it does not know yet is started
	// from its row, but one whose row is missing could not be gone on with.
	runs := b.app.path(runsFile)
	if exists(runs) {
		if err := b.snapshot(ctx, runsFile, runs); err != nil {
			return err
		}
	}
	path, isFile := sqlitePath(b.app.databaseURL(b.cfg))
	b.manifest.Database = backup.SQLite
	if !isFile {
		b.manifest.Database = backup.Postgres
		if err := backup.Export(ctx, b.cfg.Database, b.stage, &b.manifest); err != nil {
			return err
		}
		for _, t := range b.manifest.Tables {
			b.add(t.File(), filepath.Join(b.stage, filepath.FromSlash(t.File())))
		}
	} else {
		if !exists(path) {
			return fmt.Errorf("nothing is set up in %s yet: there is no database", b.app.data)
		}
		if err := b.snapshot(ctx, databaseFile, path); err != nil {
			return err
		}
	}
	return b.files(path)
}

func (b *bundle) snapshot(ctx context.Context, name, from string) error {
	copied := filepath.Join(b.stage, name)
	b.add(name, copied)
	return backup.Snapshot(ctx, from, copied)
}

// files lists what else lies in the data folder.
func (b *bundle) files(database string) error {
	return filepath.WalkDir(b.app.data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(b.app.data, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(name, stagePrefix) || strings.HasPrefix(name, placePrefix)):
			return filepath.SkipDir
		case !entry.Type().IsRegular(), left(name), database != "" && ofDatabase(path, database):
			return nil
		}
		b.add(filepath.Join(filesFolder, name), path)
		return nil
	})
}

// left says what of the data folder is no part of a backup.
func left(name string) bool {
	return name == lockFile || name == setupLockFile ||
		strings.HasPrefix(name, masterKeyFile) || // and drafts of it
		ofDatabase(name, runsFile) || ofDatabase(name, databaseFile)
}

// ofDatabase says whether path is a SQLite database or one of its companions.
func ofDatabase(path, database string) bool {
	rest, found := strings.CutPrefix(path, database)
	return found && (rest == "" || strings.HasPrefix(rest, "-"))
}

// sqlitePath is the file of a SQLite database.
func sqlitePath(address string) (path string, isFile bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "sqlite" {
		return "", false
	}
	return u.Path, true
}

func (b *bundle) write(w io.Writer, to []age.Recipient) error {
	sealed, err := backup.Create(w, b.manifest, to...)
	if err != nil {
		return err
	}
	for _, e := range b.entries {
		if err := sealed.Add(e.name, e.path); err != nil {
			return err
		}
	}
	return sealed.Close()
}

// writeNew makes a file that was not there, whole or not at all.
func writeNew(path string, write func(io.Writer) error) error {
	if exists(path) {
		return fmt.Errorf("%s is there already: name another file", path)
	}
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name()) // no effect once it has its name
	err = write(draft)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	return os.Rename(draft.Name(), path)
}
