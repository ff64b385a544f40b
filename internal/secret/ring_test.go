package secret_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
	"github.com/sallyport-ai/sallyport/internal/secret/secrettest"
)

const (
	orgA sallyport.OrgID = "a"
	orgB sallyport.OrgID = "b"
)

func open(t *testing.T, key secret.Text, store secret.Store) *secret.Ring {
	t.Helper()
	ring, err := secret.Open(t.Context(), key, store)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestOpen(t *testing.T) {
	key := secret.Text(secret.NewMasterKey())
	store := &secrettest.Store{}
	open(t, key, store)

	t.Run("the same key opens again", func(t *testing.T) {
		open(t, key+"\n", store) // as read from a file
	})
	t.Run("another key is refused with the remedy", func(t *testing.T) {
		_, err := secret.Open(t.Context(), secret.Text(secret.NewMasterKey()), store)
		if !errors.Is(err, secret.ErrMasterKey) || !strings.Contains(err.Error(), "SALLYPORT_MASTER_KEY") {
			t.Errorf("err = %v, want ErrMasterKey, which names SALLYPORT_MASTER_KEY", err)
		}
	})
	t.Run("a malformed key is refused and not quoted", func(t *testing.T) {
		for _, bad := range []secret.Text{"", "c2hvcnQ=", "not*base64*at*all"} {
			_, err := secret.Open(t.Context(), bad, store)
			if err == nil || (bad != "" && strings.Contains(err.Error(), bad.Reveal())) {
				t.Errorf("Open with a bad key of %d characters: %v", len(bad), err)
			}
		}
	})
	t.Run("a store that fails is not a new database", func(t *testing.T) {
		broken := &secrettest.Store{Err: errors.New("disk on fire")}
		if _, err := secret.Open(t.Context(), key, broken); !errors.Is(err, broken.Err) {
			t.Errorf("err = %v, want %v", err, broken.Err)
		}
	})
}

func TestMAC(t *testing.T) {
	ctx := t.Context()
	key, store := secret.Text(secret.NewMasterKey()), &secrettest.Store{}
	ring := open(t, key, store)
	data := []byte("value")
	mac, err := ring.MAC(ctx, orgA, secret.APIKeyHash, data)
	if err != nil {
		t.Fatal(err)
	}
	if len(mac) != 5+32 {
		t.Errorf("a MAC has %d bytes, want key id and SHA-256: 37", len(mac))
	}
	macer, err := open(t, key, store).MACer(ctx, orgA, secret.APIKeyHash)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := macer(data); err != nil || !bytes.Equal(again, mac) {
		t.Errorf("after a restart MACer gives %x, %v, want %x", again, err, mac)
	}
	for _, c := range []struct {
		name    string
		org     sallyport.OrgID
		purpose secret.Purpose
		data    string
		want    error
	}{
		{"the same", orgA, secret.APIKeyHash, "value", nil},
		{"other data", orgA, secret.APIKeyHash, "Value", secret.ErrMAC},
		{"other organisation", orgB, secret.APIKeyHash, "value", secret.ErrMAC},
		{"other purpose", orgA, secret.ValueHMAC, "value", secret.ErrMAC},
	} {
		if err := ring.VerifyMAC(ctx, c.org, c.purpose, mac, []byte(c.data)); !errors.Is(err, c.want) {
			t.Errorf("%s: VerifyMAC = %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := ring.MAC(ctx, orgA, secret.Content, data); err == nil {
		t.Error("a key for content was used to hash")
	}
	store.Err = errors.New("disk on fire") // the keys of DLPToken were not read yet
	if err := ring.VerifyMAC(ctx, orgA, secret.DLPToken, mac, data); errors.Is(err, secret.ErrMAC) || !errors.Is(err, store.Err) {
		t.Errorf("with a broken store VerifyMAC = %v, want %v", err, store.Err)
	}
}

func TestSeal(t *testing.T) {
	ctx := t.Context()
	key, store := secret.Text(secret.NewMasterKey()), &secrettest.Store{}
	ring := open(t, key, store)
	sealed, err := ring.Seal(ctx, orgA, secret.Content, []byte("text"), []byte("run/1"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("text")) {
		t.Error("the sealed text can be read")
	}
	if got, err := open(t, key, store).Unseal(ctx, orgA, secret.Content, sealed, []byte("run/1")); err != nil || string(got) != "text" {
		t.Errorf("after a restart Unseal = %q, %v", got, err)
	}
	seal, err := open(t, key, store).Sealer(ctx, orgA, secret.Content)
	if err != nil {
		t.Fatal(err)
	}
	again, err := seal([]byte("text"), []byte("run/1"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ring.Unseal(ctx, orgA, secret.Content, again, []byte("run/1")); err != nil || string(got) != "text" {
		t.Errorf("what Sealer sealed is opened as %q, %v", got, err)
	}
	if _, err := ring.Sealer(ctx, orgA, secret.ValueHMAC); err == nil {
		t.Error("a purpose that hashes has a Sealer")
	}
	for _, c := range []struct {
		name       string
		org        sallyport.OrgID
		purpose    secret.Purpose
		associated string
	}{
		{"other organisation", orgB, secret.Content, "run/1"},
		{"other purpose", orgA, secret.Credential, "run/1"},
		{"other place", orgA, secret.Content, "run/2"},
		{"a purpose that hashes", orgA, secret.ValueHMAC, "run/1"},
	} {
		if _, err := ring.Unseal(ctx, c.org, c.purpose, sealed, []byte(c.associated)); err == nil {
			t.Errorf("%s: Unseal opened it", c.name)
		}
	}
}

func TestKeysetRowsCannotBeMoved(t *testing.T) {
	ctx := t.Context()
	key, store := secret.Text(secret.NewMasterKey()), &secrettest.Store{}
	if _, err := open(t, key, store).MAC(ctx, orgA, secret.ValueHMAC, nil); err != nil {
		t.Fatal(err)
	}
	store.Values["b/value_hmac"] = store.Values["a/value_hmac"]
	if _, err := open(t, key, store).MAC(ctx, orgB, secret.ValueHMAC, nil); err == nil {
		t.Error("a keyset of organisation a was used for b")
	}
}

func TestFirstKeysetWins(t *testing.T) {
	key, store := secret.Text(secret.NewMasterKey()), &secrettest.Store{}
	const processes = 8
	macs := make([][]byte, processes)
	var wg sync.WaitGroup
	for i := range processes {
		ring := open(t, key, store)
		wg.Go(func() { macs[i], _ = ring.MAC(t.Context(), orgA, secret.APIKeyHash, []byte("value")) })
	}
	wg.Wait()
	for i, mac := range macs {
		if len(mac) == 0 || !bytes.Equal(mac, macs[0]) {
			t.Errorf("process %d hashes to %x, process 0 to %x", i, mac, macs[0])
		}
	}
}

func BenchmarkVerifyMAC(b *testing.B) {
	ring := secrettest.NewRing(b)
	data := []byte(strings.Repeat("k", 63))
	mac, err := ring.MAC(b.Context(), orgA, secret.APIKeyHash, data)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := ring.VerifyMAC(b.Context(), orgA, secret.APIKeyHash, mac, data); err != nil {
			b.Fatal(err)
		}
	}
}
