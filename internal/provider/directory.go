package provider

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"sync"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Directory finds providers by name: those of the operator's file, which serve
// every organisation, and each organisation's own, whose credentials are sealed
// in the database and whose addresses must be public, or in one of the private
// networks that the operator allows.
type Directory struct {
	file  map[string]Provider
	store DirectoryStore
	open  Unseal
	log   *slog.Logger
	// private are set by NewDirectory alone.
	private []netip.Prefix

	mu         sync.RWMutex
	generation int
	orgs       map[sallyport.OrgID]map[string]stored
	// made outlives Forget: a provider that is as it was stays the same one, with its
	// connections, and with what is remembered of its health.
	made map[sallyport.OrgID]map[string]stored
}

// stored is a provider as its row says, or why it cannot be used.
type stored struct {
	serves Provider
	broken error
	from   sallyport.ProviderSettings
}

// DirectoryStore reads organisations' own providers; *store.DB is the real one.
type DirectoryStore interface {
	Providers(ctx context.Context, org sallyport.OrgID) ([]sallyport.ProviderSettings, error)
}

// Unseal opens the sealed credential of an organisation's provider.
type Unseal func(ctx context.Context, s sallyport.ProviderSettings) (secret.Text, error)

// NewDirectory returns a Directory over the file's providers and the store's.
func NewDirectory(file []Config, store DirectoryStore, open Unseal, log *slog.Logger, private ...netip.Prefix) (*Directory, error) {
	d := &Directory{
		file: make(map[string]Provider, len(file)), store: store, open: open, log: log, private: private,
		orgs: make(map[sallyport.OrgID]map[string]stored), made: make(map[sallyport.OrgID]map[string]stored),
	}
	for _, cfg := range file {
		p, err := New(cfg)
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", cfg.Name, err)
		}
		d.file[cfg.Name] = p
	}
	return d, nil
}

// Provider returns the provider of that name as org may use it. An unknown name is
// an internal error, for the catalogue named it, and so is one whose row is broken;
// the organisation's other providers are none the worse for it.
func (d *Directory) Provider(ctx context.Context, org sallyport.OrgID, name string) (Provider, error) {
	if p := d.file[name]; p != nil {
		return p, nil
	}
	own, err := d.own(ctx, org)
	if err != nil {
		return nil, sallyport.WrapError(sallyport.Internal, "the organisation's providers could not be read", err)
	}
	p, known := own[name]
	switch {
	case !known:
		return nil, sallyport.NewError(sallyport.Internal, "the model's provider is not set up")
	case p.broken != nil:
		return nil, sallyport.WrapError(sallyport.Internal, "the model's provider cannot be used as it is stored: save it again, with its key", p.broken)
	}
	return p.serves, nil
}

// Forget drops what is kept of organisations' own providers.
func (d *Directory) Forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.generation++
	clear(d.orgs)
}

func (d *Directory) own(ctx context.Context, org sallyport.OrgID) (map[string]stored, error) {
	d.mu.RLock()
	own, before, generation := d.orgs[org], d.made[org], d.generation
	d.mu.RUnlock()
	if own != nil {
		return own, nil
	}
	rows, err := d.store.Providers(ctx, org)
	if err != nil {
		return nil, err
	}
	own = make(map[string]stored, len(rows))
	for _, row := range rows {
		if kept := before[row.Name]; kept.serves != nil && kept.broken == nil && reflect.DeepEqual(kept.from, row) {
			own[row.Name] = kept
			continue
		}
		p, err := d.make(ctx, row)
		if ctx.Err() != nil {
			return nil, ctx.Err() // it tells nothing of the row
		}
		if err != nil {
			d.log.Error("a stored provider cannot be used", "org", org, "provider", row.Name, "cause", err)
		}
		own[row.Name] = stored{p, err, row}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.generation == generation {
		d.orgs[org], d.made[org] = own, own
	}
	return own, nil
}

func (d *Directory) make(ctx context.Context, row sallyport.ProviderSettings) (Provider, error) {
	credential, err := d.open(ctx, row)
	if err != nil {
		return nil, fmt.Errorf("its credential: %w", err)
	}
	return New(Config{
		Name: row.Name, Type: row.Type, BaseURL: row.BaseURL, APIKey: credential, Private: d.private,
		Connect: row.Connect, FirstByte: row.FirstByte, Idle: row.Idle,
	})
}

// PublicAddress returns the well-known address of a provider type, "" when each
// customer has one of their own; ok is false for types that only the operator's
// file may name, since they are on the operator's own machines.
func PublicAddress(providerType string) (address string, ok bool) {
	switch providerType {
	case "anthropic":
		return anthropicURL, true
	case "gemini":
		return geminiURL, true
	case "vertex", "bedrock":
		return "", true
	}
	address, known := compatible[providerType]
	if !known || strings.HasPrefix(address, "http://") {
		return "", false
	}
	return address, true
}
