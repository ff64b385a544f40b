package identity

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// use remembers when keys were last used until somebody writes it down: a call
// must not wait for that. What a process that is killed had in memory is lost;
// the trail has every use.
type use struct {
	mu sync.Mutex
	at map[sallyport.KeyID]time.Time
}

// useMax bounds how many keys are remembered; past it the oldest word stands.
const useMax = 100_000

func (u *use) note(id sallyport.KeyID, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.at == nil {
		u.at = make(map[sallyport.KeyID]time.Time)
	}
	last, known := u.at[id]
	if at.After(last) && (known || len(u.at) < useMax) {
		u.at[id] = at
	}
}

func (u *use) take() map[sallyport.KeyID]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.at
	u.at = nil
	return taken
}

// useBatch is how many keys are written down in one transaction, for which calls wait.
const useBatch = 500

// WriteUse writes down when keys were last used. What could not be written is
// written the next time.
func (k *Keys) WriteUse(ctx context.Context) error {
	taken := k.used.take()
	for ids := range slices.Chunk(slices.Collect(maps.Keys(taken)), useBatch) {
		batch := make(map[sallyport.KeyID]time.Time, len(ids))
		for _, id := range ids {
			batch[id] = taken[id]
		}
		if err := k.store.NoteKeyUse(ctx, batch); err != nil {
			for id, at := range taken {
				k.used.note(id, at)
			}
			return err
		}
	}
	return nil
}
