// Package secret keeps what must not be read: secret texts in memory, and the
// keys under which everything secret is hashed or sealed at rest.
//
// There is one master key. It stands in the environment or in a file of its
// own, never in the database. It wraps one Tink keyset for each organisation
// and purpose (Ring); the wrapped keysets are rows of the database, made on
// first use. Two processes that make the same keyset at the same time agree on
// the one that was stored first.
//
// A MAC and a ciphertext begin with the id of the key that made them (Tink's
// output prefix), so that a rotated keyset still reads what older keys wrote.
//
// A master key that does not fit the database is found at start by a check
// value. Without its keyset nothing can be hashed or opened: every failure here
// is an error, and the caller refuses.
package secret

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// redacted is what a Text shows of itself.
const redacted = "[redacted]"

// Text is a secret that must not be printed by accident: logs, JSON, YAML and
// every verb of fmt show "[redacted]" in its place, or nothing when it is empty.
type Text string

// Reveal returns the secret itself. Call it at the last moment.
func (t Text) Reveal() string { return string(t) }

// String does not return the secret.
func (t Text) String() string {
	if t == "" {
		return ""
	}
	return redacted
}

// Format keeps the secret out of every verb: %x and %#v would otherwise read the bytes.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// MarshalJSON does not write the secret.
func (t Text) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// MarshalText does not write the secret.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// LogValue does not log the secret.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }

// UnmarshalText takes a secret from a file or a variable as it stands.
func (t *Text) UnmarshalText(text []byte) error {
	*t = Text(text)
	return nil
}

// masterKeyBytes is the size of a master key.
const masterKeyBytes = 32

// NewMasterKey returns a fresh master key: 32 random bytes in base64.
func NewMasterKey() string {
	key := make([]byte, masterKeyBytes)
	rand.Read(key) // never fails: the program would be ended
	return base64.StdEncoding.EncodeToString(key)
}
