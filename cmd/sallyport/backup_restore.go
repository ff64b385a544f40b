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

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/backup"
	"github.com/sallyport-ai/sallyport/internal/config"
	"github.com/sallyport-ai/sallyport/internal/secret"
	"github.com/sallyport-ai/sallyport/internal/store"
)

type restoreCmd struct {
	File     string `arg:"" help:"The backup; - for standard input."`
	Identity string `help:"File with the age identity that opens it." placeholder:"FILE"`
	passphraseFlag
}

func (c *restoreCmd) Run(ctx context.Context, a *app) (err error) {
	cfg, err := a.configuration(ctx, "", false)
	if err != nil {
		return err
	}
	with, err := c.identities(a)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(a.data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	key, err := a.masterKey()
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("the backup does not hold the master key: put the copy that you kept into %s, or set %s", a.path(masterKeyFile), masterKeyVariable)
	}
	if err != nil {
		return err
	}
	lock, err := a.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := a.empty(cfg); err != nil {
		return err
	}
	place, err := os.MkdirTemp(a.data, placePrefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(place)) }()
	manifest, err := c.extract(a, place, with)
	if err != nil {
		return err
	}
	r := restore{app: a, cfg: cfg, key: key, place: place, manifest: manifest}
	return r.run(ctx)
}

// identities are what opens the backup.
func (c *restoreCmd) identities(a *app) ([]age.Identity, error) {
	if c.Identity != "" {
		file, err := os.Open(c.Identity)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		with, err := age.ParseIdentities(file)
		if err != nil {
			return nil, fmt.Errorf("%s: it holds no age identity", c.Identity) // err may quote it
		}
		return with, nil
	}
	passphrase, err := c.passphrase(a)
	if err != nil {
		return nil, err
	}
	if passphrase == "" {
		return nil, fmt.Errorf("say what opens the backup: --identity FILE, or --passphrase-file, or the variable %s", passphraseVariable)
	}
	with, err := age.NewScryptIdentity(passphrase)
	return []age.Identity{with}, err
}

// empty says whether nothing would be lost. The master key is there already.
func (a *app) empty(cfg *config.Config) error {
	entries, err := os.ReadDir(a.data)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); name {
		case masterKeyFile, lockFile, setupLockFile, "lost+found":
		default:
			return fmt.Errorf("%s is not empty, it has %s: restore into another folder with --data, or empty this one", a.data, name)
		}
	}
	if path, isFile := sqlitePath(a.databaseURL(cfg)); isFile && exists(path) {
		return fmt.Errorf("the database %s is there already: move it away, or name another in the configuration", path)
	}
	return nil
}

func (c *restoreCmd) extract(a *app, place string, with []age.Identity) (backup.Manifest, error) {
	in := a.in
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return backup.Manifest{}, err
		}
		defer file.Close()
		in = file
	}
	return backup.Extract(in, place, with...)
}

// restore is a backup that was read and lies in place.
type restore struct {
	app      *app
	cfg      *config.Config
	key      secret.Text
	place    string
	manifest backup.Manifest
}

// run verifies the databases and then puts everything where it belongs, the
// database last: a restore that broke off has none.
func (r *restore) run(ctx context.Context) error {
	address := r.app.databaseURL(r.cfg)
	target, isFile := sqlitePath(address)
	if isFile != (r.manifest.Database == backup.SQLite) {
		return fmt.Errorf("the backup is of %s, and the configuration names another kind of database", r.manifest.Database)
	}
	staged := filepath.Join(r.place, databaseFile)
	if isFile {
		address = (&url.URL{Scheme: "sqlite", Path: staged}).String()
	}
	if err := r.verified(ctx, address); err != nil {
		return err
	}
	if err := r.placeFiles(); err != nil {
		return err
	}
	if isFile {
		if err := move(staged, target); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.app.out, "restored what was backed up at %s\n", r.manifest.Made.Format("2006-01-02 15:04:05 MST"))
	return nil
}

// verified brings the tables to this program's state, imports what is to be
// imported, and looks at the books.
func (r *restore) verified(ctx context.Context, address string) (err error) {
	db, err := store.Open(ctx, store.Options{URL: address})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if r.manifest.Database == backup.Postgres {
		if err := backup.Import(ctx, address, r.place, r.manifest); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				err = fmt.Errorf("%w. Its rows are in the database by now: drop the database before you try again", err)
			}
		}()
	}
	return r.books(ctx, db)
}

// books proves trails and ledgers of the database.
func (r *restore) books(ctx context.Context, db *store.DB) error {
	ring, err := secret.Open(ctx, r.key, db)
	if err != nil {
		return err
	}
	i := &instance{app: r.app, cfg: r.cfg, db: db, ring: ring}
	orgs, err := i.trails(ctx, "")
	if err != nil {
		return err
	}
	for _, org := range orgs {
		report, err := i.verify(ctx, org, audit.Trust{})
		if err == nil && report.Bad != nil {
			err = fmt.Errorf("bad at record %d: %s", report.Bad.Seq, report.Bad.Why)
		}
		if err == nil && org != sallyport.InstanceOrg {
			err = i.verifyLedger(ctx, org)
		}
		if err != nil {
			return fmt.Errorf("the backup's books of %s do not hold: %w", org, err)
		}
		fmt.Fprintln(r.app.out, viewReport(org, report))
	}
	return nil
}

// ledgerPage is how many entries are read at once.
const ledgerPage = 500

// verifyLedger proves that the entries sum up to the balance.
func (i *instance) verifyLedger(ctx context.Context, org sallyport.OrgID) error {
	balance, held, err := i.db.Balance(ctx, org)
	if err != nil {
		return err
	}
	var sum sallyport.Credits
	for after := int64(0); ; {
		entries, err := i.db.Ledger(ctx, org, after, ledgerPage)
		if err != nil {
			return err
		}
		for _, e := range entries {
			sum += e.Amount
			if e.Seq != after+1 || e.BalanceAfter != sum {
				return fmt.Errorf("entry %d of the ledger does not follow from those before it", e.Seq)
			}
			after = e.Seq
		}
		if len(entries) < ledgerPage {
			break
		}
	}
	if sum != balance {
		return fmt.Errorf("the ledger sums up to %s and the balance is %s", sum, balance)
	}
	if held > 0 {
		fmt.Fprintf(i.app.log, "%s: calls were under way that hold %s credits: the server closes them when it starts\n", org, held)
	}
	return nil
}

// placeFiles moves everything but the database into the data folder.
func (r *restore) placeFiles() error {
	if runs := filepath.Join(r.place, runsFile); exists(runs) {
		if err := move(runs, r.app.path(runsFile)); err != nil {
			return err
		}
	}
	files := filepath.Join(r.place, filesFolder)
	if !exists(files) {
		return nil
	}
	return filepath.WalkDir(files, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(files, path)
		if err != nil || left(name) || strings.HasPrefix(name, placePrefix) {
			return err // a bundle of ours has none of these
		}
		return move(path, r.app.path(name))
	})
}

// move renames a file, or copies it to another file system.
func move(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if os.Rename(from, to) == nil {
		return nil
	}
	return writeNew(to, func(w io.Writer) error {
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
}
