// Package secrettest has a secret.Store in memory for tests.
package secrettest

import (
	"context"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Store keeps keysets and instance values in memory. The zero value is an empty
// store. Tests may read and change Values between uses.
type Store struct {
	mu     sync.Mutex
	Values map[string][]byte // keysets as "org/purpose", instance values by name
	Err    error             // when set, every method fails with it
}

// NewRing returns a ring with a fresh master key over an empty store.
func NewRing(t testing.TB) *secret.Ring {
	t.Helper()
	ring, err := secret.Open(t.Context(), secret.Text(secret.NewMasterKey()), &Store{})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// Keyset implements secret.Store.
func (s *Store) Keyset(_ context.Context, org sallyport.OrgID, purpose string) ([]byte, error) {
	return s.get(string(org) + "/" + purpose)
}

// AddKeyset implements secret.Store.
func (s *Store) AddKeyset(_ context.Context, org sallyport.OrgID, purpose string, wrapped []byte) ([]byte, error) {
	return s.add(string(org)+"/"+purpose, wrapped)
}

// InstanceValue implements secret.Store.
func (s *Store) InstanceValue(_ context.Context, name string) ([]byte, error) { return s.get(name) }

// AddInstanceValue implements secret.Store.
func (s *Store) AddInstanceValue(_ context.Context, name string, value []byte) ([]byte, error) {
	return s.add(name, value)
}

func (s *Store) get(name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Err != nil {
		return nil, s.Err
	}
	if v, ok := s.Values[name]; ok {
		return v, nil
	}
	return nil, sallyport.NewError(sallyport.NotFound, name+" is not there")
}

func (s *Store) add(name string, value []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Err != nil {
		return nil, s.Err
	}
	if v, ok := s.Values[name]; ok {
		return v, nil
	}
	if s.Values == nil {
		s.Values = make(map[string][]byte)
	}
	s.Values[name] = value
	return value, nil
}

var _ secret.Store = (*Store)(nil)
