package secret

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sallyport-ai/sallyport"
)

// Purpose is what a keyset is for. Keys of one purpose are never used for another.
type Purpose string

// The purposes. The first four hash, the others seal.
const (
	APIKeyHash Purpose = "api_key_hash"
	TokenHash  Purpose = "token_hash" // tokens of sessions and invitations
	ValueHMAC  Purpose = "value_hmac" // DLP values in the trail, so that equal ones can be recognised
	DLPToken   Purpose = "dlp_token"  // the placeholders that stand for DLP values
	Content    Purpose = "content"    // run contents, and what is kept of calls
	Credential Purpose = "credential" // provider credentials
	Checkpoint Purpose = "checkpoint" // the private key that signs checkpoints of a trail
)

// hashes says whether the purpose's keyset holds MAC keys rather than AEAD keys.
func (p Purpose) hashes() bool {
	return p == APIKeyHash || p == TokenHash || p == ValueHMAC || p == DLPToken
}

// seals says whether the purpose's keyset holds AEAD keys.
func (p Purpose) seals() bool { return p == Content || p == Credential || p == Checkpoint }

// Store keeps wrapped keysets; store.DB is the real one. Both Add methods are
// first writer wins: they return what is stored afterwards, be it the argument
// or what another process stored before. All methods are safe for concurrent use.
type Store interface {
	// Keyset returns sallyport.NotFound when there is none.
	Keyset(ctx context.Context, org sallyport.OrgID, purpose string) ([]byte, error)
	AddKeyset(ctx context.Context, org sallyport.OrgID, purpose string, wrapped []byte) ([]byte, error)
	// InstanceValue returns sallyport.NotFound when there is none.
	InstanceValue(ctx context.Context, name string) ([]byte, error)
	AddInstanceValue(ctx context.Context, name string, value []byte) ([]byte, error)
}

// The check value: a known text, sealed with the master key by whoever came first.
const (
	checkName = "master_key_check"
	checkText = "sallyport master key"
)

// Ring hashes and seals with the keysets of all organisations. It is safe for
// concurrent use. It keeps each keyset in memory once it was used: at most one
// for each organisation and purpose.
type Ring struct {
	master tink.AEAD
	store  Store

	mu    sync.RWMutex
	macs  map[keysetName]tink.MAC
	aeads map[keysetName]tink.AEAD
}

type keysetName struct {
	org     sallyport.OrgID
	purpose Purpose
}

// associated binds a wrapped keyset to its place, so that a row that was moved
// to another organisation or purpose does not open.
func (n keysetName) associated() []byte {
	return []byte("keyset/" + string(n.org) + "/" + string(n.purpose))
}

// Open returns the ring of a database. On a new database it stores the check
// value; on another it proves that masterKey is the one that it was set up with,
// or returns ErrMasterKey.
func Open(ctx context.Context, masterKey Text, store Store) (*Ring, error) {
	master, err := masterAEAD(masterKey)
	if err != nil {
		return nil, err
	}
	if err := check(ctx, master, store); err != nil {
		return nil, err
	}
	return &Ring{
		master: master, store: store,
		macs: make(map[keysetName]tink.MAC), aeads: make(map[keysetName]tink.AEAD),
	}, nil
}

// masterAEAD uses XChaCha20-Poly1305: its random nonces are long enough for any
// number of keysets under one key.
func masterAEAD(masterKey Text) (tink.AEAD, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(masterKey.Reveal()))
	if err != nil || len(key) != masterKeyBytes {
		// The decoder's error would quote a part of the key.
		return nil, fmt.Errorf("the master key is not %d bytes in base64: restore the one that was made at first, or make one with 'openssl rand -base64 %[1]d' if there is no database yet", masterKeyBytes)
	}
	return subtle.NewXChaCha20Poly1305(key)
}

// ErrMasterKey means that a database was set up with another master key.
var ErrMasterKey = errors.New("the master key does not fit this database: start with the master key file (or SALLYPORT_MASTER_KEY) that the database was set up with")

func check(ctx context.Context, master tink.AEAD, store Store) error {
	stored, err := store.InstanceValue(ctx, checkName)
	if sallyport.CodeOf(err) == sallyport.NotFound {
		var sealed []byte
		if sealed, err = master.Encrypt([]byte(checkText), []byte(checkName)); err == nil {
			stored, err = store.AddInstanceValue(ctx, checkName, sealed)
		}
	}
	if err != nil {
		return fmt.Errorf("read the master key's check value: %w", err)
	}
	text, err := master.Decrypt(stored, []byte(checkName))
	if err != nil || string(text) != checkText {
		return ErrMasterKey
	}
	return nil
}

// MAC returns the keyed hash of data: five bytes that name the key, then HMAC-SHA256.
func (r *Ring) MAC(ctx context.Context, org sallyport.OrgID, purpose Purpose, data []byte) ([]byte, error) {
	m, err := r.mac(ctx, org, purpose)
	if err != nil {
		return nil, err
	}
	return m.ComputeMAC(data)
}

// ErrMAC means that a keyed hash does not belong to the data.
var ErrMAC = errors.New("the keyed hash does not belong to the data")

// VerifyMAC returns nil when mac is the keyed hash of data and ErrMAC when it is
// not; it compares in constant time. Any other error means that nothing is known.
func (r *Ring) VerifyMAC(ctx context.Context, org sallyport.OrgID, purpose Purpose, mac, data []byte) error {
	m, err := r.mac(ctx, org, purpose)
	if err != nil {
		return err
	}
	if m.VerifyMAC(mac, data) != nil {
		return ErrMAC
	}
	return nil
}

// MACer returns MAC for one organisation and purpose as a function that looks
// nothing up any more. It is safe for concurrent use.
func (r *Ring) MACer(ctx context.Context, org sallyport.OrgID, purpose Purpose) (func(data []byte) ([]byte, error), error) {
	m, err := r.mac(ctx, org, purpose)
	if err != nil {
		return nil, err
	}
	return m.ComputeMAC, nil
}

// Seal encrypts plaintext and binds it to associated: what identifies its
// place, for example the row's id. The result begins with the key's id.
func (r *Ring) Seal(ctx context.Context, org sallyport.OrgID, purpose Purpose, plaintext, associated []byte) ([]byte, error) {
	a, err := r.aead(ctx, org, purpose)
	if err != nil {
		return nil, err
	}
	return a.Encrypt(plaintext, associated)
}

// Sealer returns Seal for one organisation and purpose as a function that looks
// nothing up any more. It is safe for concurrent use.
func (r *Ring) Sealer(ctx context.Context, org sallyport.OrgID, purpose Purpose) (func(plaintext, associated []byte) ([]byte, error), error) {
	a, err := r.aead(ctx, org, purpose)
	if err != nil {
		return nil, err
	}
	return a.Encrypt, nil
}

// Unseal opens what Seal returned for the same organisation, purpose and associated data.
func (r *Ring) Unseal(ctx context.Context, org sallyport.OrgID, purpose Purpose, sealed, associated []byte) ([]byte, error) {
	a, err := r.aead(ctx, org, purpose)
	if err != nil {
		return nil, err
	}
	return a.Decrypt(sealed, associated)
}

func (r *Ring) mac(ctx context.Context, org sallyport.OrgID, purpose Purpose) (tink.MAC, error) {
	if !purpose.hashes() {
		return nil, fmt.Errorf("keys for %q do not hash", purpose)
	}
	return primitive(ctx, r, r.macs, keysetName{org, purpose}, mac.New)
}

func (r *Ring) aead(ctx context.Context, org sallyport.OrgID, purpose Purpose) (tink.AEAD, error) {
	if !purpose.seals() {
		return nil, fmt.Errorf("keys for %q do not seal", purpose)
	}
	return primitive(ctx, r, r.aeads, keysetName{org, purpose}, aead.New)
}

// primitive returns the keyset's primitive from cache, or makes it from the
// stored keyset, which is made first if there is none. cache is one of r's.
func primitive[P any](ctx context.Context, r *Ring, cache map[keysetName]P, name keysetName, open func(*keyset.Handle) (P, error)) (P, error) {
	r.mu.RLock()
	p, ok := cache[name]
	r.mu.RUnlock()
	if ok {
		return p, nil
	}
	handle, err := r.keyset(ctx, name)
	if err == nil {
		p, err = open(handle)
	}
	if err != nil {
		return p, fmt.Errorf("keys of organisation %s for %s: %w", name.org, name.purpose, err)
	}
	// Two callers may come here at once: both hold the keyset that is stored.
	r.mu.Lock()
	cache[name] = p
	r.mu.Unlock()
	return p, nil
}

func (r *Ring) keyset(ctx context.Context, name keysetName) (*keyset.Handle, error) {
	wrapped, err := r.store.Keyset(ctx, name.org, string(name.purpose))
	if sallyport.CodeOf(err) == sallyport.NotFound {
		if wrapped, err = r.newKeyset(name); err == nil {
			wrapped, err = r.store.AddKeyset(ctx, name.org, string(name.purpose), wrapped)
		}
	}
	if err != nil {
		return nil, err
	}
	return keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), r.master, name.associated())
}

func (r *Ring) newKeyset(name keysetName) ([]byte, error) {
	template := aead.XChaCha20Poly1305KeyTemplate()
	if name.purpose.hashes() {
		template = mac.HMACSHA256Tag256KeyTemplate()
	}
	handle, err := keyset.NewHandle(template)
	if err != nil {
		return nil, err
	}
	var wrapped bytes.Buffer
	err = handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&wrapped), r.master, name.associated())
	return wrapped.Bytes(), err
}
