package provider

import (
	"context"
	"fmt"
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
	// private are set by NewDirectory alone.
	private []netip.Prefix

	mu         sync.RWMutex
	generation int
	orgs       map[sallyport.OrgID]map[string]Provider
	// made outlives Forget: a provider that is as it was stays the same one, with its
	// connections, and with what is remembered of its health.
	made map[sallyport.OrgID]map[string]made
}

// made is a provider with the settings that it was made from.
type made struct {
	Provider
	from sallyport.ProviderSettings
}

// DirectoryStore reads organisations' own providers; *store.DB is the real one.
type DirectoryStore interface {
	Providers(ctx context.Context, org sallyport.OrgID) ([]sallyport.ProviderSettings, error)
}

// Unseal opens the sealed credential of an organisation's provider.
type Unseal func(ctx context.Context, s sallyport.ProviderSettings) (secret.Text, error)

// NewDirectory returns a Directory over the file's providers and the store's.
func NewDirectory(file []Config, store DirectoryStore, open Unseal, private ...netip.Prefix) (*Directory, error) {
	d := &Directory{
		file: make(map[string]Provider, len(file)), store: store, open: open, private: private,
		orgs: make(map[sallyport.OrgID]map[string]Provider), made: make(map[sallyport.OrgID]map[string]made),
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

// Provider returns the provider of that name as org may use it; an unknown name
// is an internal error, for the catalogue named it.
func (d *Directory) Provider(ctx context.Context, org sallyport.OrgID, name string) (Provider, error) {
	if p := d.file[name]; p != nil {
		return p, nil
	}
	own, err := d.own(ctx, org)
	if err != nil {
		return nil, sallyport.WrapError(sallyport.Internal, "the organisation's providers could not be read", err)
	}
	p := own[name]
	if p == nil {
		return nil, sallyport.NewError(sallyport.Internal, "the model's provider is not set up")
	}
	return p, nil
}

// Forget drops what is kept of organisations' own providers.
func (d *Directory) Forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.generation++
	clear(d.orgs)
}

func (d *Directory) own(ctx context.Context, org sallyport.OrgID) (map[string]Provider, error) {
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
	own, all := make(map[string]Provider, len(rows)), make(map[string]made, len(rows))
	for _, row := range rows {
		m := before[row.Name]
		if m.Provider == nil || !reflect.DeepEqual(m.from, row) {
			if m, err = d.make(ctx, row); err != nil {
				return nil, err
			}
		}
		own[row.Name], all[row.Name] = m.Provider, m
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.generation == generation {
		d.orgs[org], d.made[org] = own, all
	}
	return own, nil
}

func (d *Directory) make(ctx context.Context, row sallyport.ProviderSettings) (made, error) {
	credential, err := d.open(ctx, row)
	if err != nil {
		return made{}, fmt.Errorf("credential of provider %s: %w", row.Name, err)
	}
	p, err := New(Config{
		Name: row.Name, Type: row.Type, BaseURL: row.BaseURL, APIKey: credential, Private: d.private,
		Connect: row.Connect, FirstByte: row.FirstByte, Idle: row.Idle,
	})
	if err != nil {
		return made{}, fmt.Errorf("provider %s: %w", row.Name, err)
	}
	return made{p, row}, nil
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
