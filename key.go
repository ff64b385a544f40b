package sallyport

import "time"

// KeyID is the public half of an API key: it finds the row, it proves nothing.
type KeyID string

// Key is an API key as it is kept: never the secret, only its keyed hash.
// It acts as the membership that made it.
type Key struct {
	ID        KeyID
	Org       OrgID
	User      UserID
	Name      string
	Prefix    string // the first characters of the key, safe to show
	Hash      []byte // HMAC-SHA256 of the whole key under the organisation's keyset; its first bytes name the keyset's key
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	RevokedAt time.Time // zero: not revoked
}

// UsableAt says whether the key opens anything at that time.
func (k Key) UsableAt(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// Principal is who a call acts as: a membership, reached through a key.
type Principal struct {
	Org  OrgID
	User UserID
	Role Role
	Key  KeyID
	// KeyPrefix is shown in the trail, so that a person recognises the key.
	KeyPrefix string
}
