package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/catalogue"
	"github.com/sallyport-ai/sallyport/internal/config"
	"github.com/sallyport-ai/sallyport/internal/identity"
	"github.com/sallyport-ai/sallyport/internal/secret"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// What lies in the data folder, besides the state of runs, which package agent keeps.
const (
	databaseFile  = "sallyport.db"
	masterKeyFile = "master.key" // base64, 0600; unless SALLYPORT_MASTER_KEY holds the key
	nodeFile      = "node"       // this installation's name among those that share a database
	lockFile      = "lock"       // held by the server
	setupLockFile = "setup.lock" // held while things are set up
)

const masterKeyVariable = "SALLYPORT_MASTER_KEY"

// configuration reads the operator's file and the environment. addr is the
// flag of serve. Only with local it looks for an Ollama on this machine.
func (a *app) configuration(ctx context.Context, addr string, local bool) (*config.Config, error) {
	src := config.Sources{File: a.config, Environ: a.environ, Addr: addr, Builtin: catalogue.Builtin}
	if src.File == "" {
		if _, err := os.Stat("sallyport.yaml"); err == nil {
			src.File = "sallyport.yaml"
		}
	}
	if local {
		src.Ollama = config.OllamaModels
	}
	return config.Load(ctx, src)
}

// instance is an installation, opened.
type instance struct {
	app      *app
	cfg      *config.Config
	db       *store.DB
	ring     *secret.Ring
	keys     *identity.Keys
	sessions *identity.Sessions
	present  *identity.Present // nil where nothing is served
	audit    audit.Builder
	route    string // in records of changes; empty: the command line
}

func (i *instance) close() error { return i.db.Close() }

// open opens an installation that was set up before.
func (a *app) open(ctx context.Context, cfg *config.Config) (*instance, error) {
	key, err := a.masterKey()
	if errors.Is(err, fs.ErrNotExist) && cfg.Database == "" && exists(a.path(databaseFile)) {
		return nil, a.keyLost()
	}
	if errors.Is(err, fs.ErrNotExist) || (err == nil && cfg.Database == "" && !exists(a.path(databaseFile))) {
		return nil, fmt.Errorf("nothing is set up in %s yet: run 'sallyport serve' or 'sallyport init', or name the data folder with --data", a.data)
	}
	if err != nil {
		return nil, err
	}
	return a.openWith(ctx, cfg, key)
}

// create opens an installation and makes what is missing: folder, master key, database.
func (a *app) create(ctx context.Context, cfg *config.Config) (*instance, error) {
	if err := os.MkdirAll(a.data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := a.lockSetup(ctx)
	if err != nil {
		return nil, err
	}
	i, err := a.createAlone(ctx, cfg)
	return i, errors.Join(err, lock.Close())
}

// setupLockPoll is how often a second process looks whether the first is done.
const setupLockPoll = 50 * time.Millisecond

// lockSetup waits until no other process sets anything up; Close lets the next one.
func (a *app) lockSetup(ctx context.Context) (*flock.Flock, error) {
	lock := flock.New(a.path(setupLockFile), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, setupLockPoll); err != nil {
		return nil, fmt.Errorf("wait for another process to set up: %w", err)
	}
	return lock, nil
}

// createAlone is create while no other process makes anything.
func (a *app) createAlone(ctx context.Context, cfg *config.Config) (*instance, error) {
	key, err := a.masterKey()
	if !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, err
		}
		return a.openWith(ctx, cfg, key)
	}
	if cfg.Database == "" && exists(a.path(databaseFile)) {
		return nil, a.keyLost()
	}
	if key, err = a.makeMasterKey(); err != nil {
		return nil, err
	}
	i, err := a.openWith(ctx, cfg, key)
	if errors.Is(err, secret.ErrMasterKey) {
		// The database is an older one with a key of its own: the new key opens
		// nothing and must not pass for the right one.
		err = errors.Join(err, os.Remove(a.path(masterKeyFile)))
	}
	return i, err
}

func (a *app) keyLost() error {
	return fmt.Errorf("there is a database in %s but not the master key that opens it: put %s back, or set %s", a.data, masterKeyFile, masterKeyVariable)
}

func (a *app) openWith(ctx context.Context, cfg *config.Config, key secret.Text) (*instance, error) {
	db, err := store.Open(ctx, store.Options{URL: a.databaseURL(cfg), Durability: cfg.Durability, Now: a.now})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	ring, err := secret.Open(ctx, key, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	node, err := a.node()
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &instance{
		app: a, cfg: cfg, db: db, ring: ring, keys: identity.NewKeys(db, ring, a.now), sessions: identity.NewSessions(db, ring, a.now),
		audit: audit.Builder{Node: node, Boot: uuid.NewString(), Now: a.now, Began: a.now()},
	}, nil
}

func (a *app) path(name string) string { return filepath.Join(a.data, name) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// databaseURL is the address of the database, by default a file in the data folder.
func (a *app) databaseURL(cfg *config.Config) string {
	if cfg.Database != "" {
		return cfg.Database
	}
	return (&url.URL{Scheme: "sqlite", Path: a.path(databaseFile)}).String()
}

// masterKey reads the master key; fs.ErrNotExist when there is none.
func (a *app) masterKey() (secret.Text, error) {
	for _, entry := range a.environ {
		if value, found := strings.CutPrefix(entry, masterKeyVariable+"="); found && value != "" {
			return secret.Text(value), nil
		}
	}
	text, err := os.ReadFile(a.path(masterKeyFile))
	if err != nil {
		return "", fmt.Errorf("read the master key: %w", err)
	}
	return secret.Text(text), nil
}

// makeMasterKey writes a new master key and reads it back.
func (a *app) makeMasterKey() (secret.Text, error) {
	if err := writeOnce(a.path(masterKeyFile), secret.NewMasterKey()+"\n"); err != nil {
		return "", fmt.Errorf("write the master key: %w", err)
	}
	return a.masterKey()
}

// node returns this installation's name, made at the first use. A data folder
// that cannot be written has none.
func (a *app) node() (string, error) {
	text, err := os.ReadFile(a.path(nodeFile))
	if errors.Is(err, fs.ErrNotExist) {
		if err := writeOnce(a.path(nodeFile), uuid.NewString()+"\n"); err != nil {
			return "", fmt.Errorf("name this node: %w", err)
		}
		text, err = os.ReadFile(a.path(nodeFile))
	}
	return strings.TrimSpace(string(text)), err
}

// writeOnce makes a file that only its owner may read, whole or not at all. A
// file that is there already is left as it is.
func writeOnce(path, text string) error {
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.WriteString(text)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, does not replace what somebody else has written.
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// orgFlag is the flag of every command that works in one organisation.
type orgFlag struct {
	Org string `help:"Organisation, by id or name. Default: the only one." placeholder:"ORG"`
}

// with opens the installation and finds the organisation for f.
func (o orgFlag) with(ctx context.Context, a *app, f func(i *instance, org sallyport.Organisation) error) error {
	return a.with(ctx, func(i *instance) error {
		org, err := i.org(ctx, o.Org)
		if err != nil {
			return err
		}
		return f(i, org)
	})
}

// with opens the installation for f.
func (a *app) with(ctx context.Context, f func(i *instance) error) error {
	cfg, err := a.configuration(ctx, "", false)
	if err != nil {
		return err
	}
	i, err := a.open(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(f(i), i.close())
}

// org finds an organisation by id or name; "" is the only one. The instance's
// own trail and keys go by the name "instance".
func (i *instance) org(ctx context.Context, name string) (sallyport.Organisation, error) {
	if sallyport.OrgID(name) == sallyport.InstanceOrg {
		return sallyport.Organisation{ID: sallyport.InstanceOrg, Name: name}, nil
	}
	orgs, err := i.db.Orgs(ctx)
	if err != nil {
		return sallyport.Organisation{}, err
	}
	var found []sallyport.Organisation
	var ids []string
	for _, org := range orgs {
		if string(org.ID) == name {
			return org, nil
		}
		if name == "" || org.Name == name {
			found, ids = append(found, org), append(ids, string(org.ID))
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(orgs) == 0:
		return sallyport.Organisation{}, errors.New("there is no organisation yet: run 'sallyport init'")
	case name == "":
		return sallyport.Organisation{}, fmt.Errorf("there are %d organisations: name one with --org, see 'sallyport org list'", len(orgs))
	case len(found) > 1:
		return sallyport.Organisation{}, fmt.Errorf("%d organisations are called %q: name one by its id, %s", len(found), name, strings.Join(ids, " or "))
	}
	return sallyport.Organisation{}, fmt.Errorf("%w %q: see 'sallyport org list'", errNoOrg, name)
}

var errNoOrg = errors.New("there is no organisation")

// member finds a member by e-mail address or id; "" is the only administrator.
func (i *instance) member(ctx context.Context, org sallyport.OrgID, name string) (m sallyport.Membership, err error) {
	if name != "" {
		if strings.Contains(name, "@") {
			m, err = i.db.MemberByEmail(ctx, org, name)
		} else {
			m, err = i.db.Member(ctx, org, sallyport.UserID(name))
		}
		if sallyport.CodeOf(err) == sallyport.NotFound {
			err = fmt.Errorf("%s is no member of the organisation: see 'sallyport user list'", name)
		}
		return m, err
	}
	members, err := i.db.Members(ctx, org)
	if err != nil {
		return sallyport.Membership{}, err
	}
	var found []sallyport.Membership
	for _, m := range members {
		if m.Role == sallyport.RoleAdministrator {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		return sallyport.Membership{}, fmt.Errorf("the organisation has %d administrators: name a member with --user", len(found))
	}
	return found[0], nil
}

// event is the record of a change by the command line.
func (i *instance) event(org sallyport.OrgID, action, resource string, change any) sallyport.Record {
	rec := i.audit.Event(sallyport.Principal{Org: org}, action, resource, change)
	rec.Route = cmp.Or(i.route, commandLine)
	return rec
}

// see adds where to look to an error that something is not there.
func see(err error, command string) error {
	if sallyport.CodeOf(err) == sallyport.NotFound {
		return fmt.Errorf("%w See 'sallyport %s'", err, command)
	}
	return err
}

// commandLine stands in records where those of calls name their route.
const commandLine = "command line"

// newID returns an id that sorts by time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
