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
	// UsedAt is when it was last seen to be used, give or take a minute; zero: never.
	UsedAt time.Time
}

// UsableAt says whether the key opens anything at that time.
func (k Key) UsableAt(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// KeyBounds bind a key from its first moment on.
type KeyBounds struct {
	Limits  []byte             // a stored policy of limits, see package policy; nil: as the default says
	Budgets map[Period]Credits // what it may spend in each period
}

// Principal is who a call acts as: a membership, reached through a key or a
// session, never both; a run that a session started acts as the membership alone.
type Principal struct {
	Org  OrgID
	User UserID
	Role Role
	// Groups are those of the membership, by id.
	Groups []Group
	Key    KeyID
	// KeyPrefix is shown in the trail, so that a person recognises the key.
	KeyPrefix string
	Session   SessionID
}

// RequestOwner is whose Idempotency-Keys a request's is told apart from: the
// key's, or without a key the person's. No key's id has a slash.
func (p Principal) RequestOwner() KeyID {
	if p.Key != "" {
		return p.Key
	}
	return KeyID("user/" + string(p.User))
}

// GroupIDs are the ids of Groups.
func (p Principal) GroupIDs() []GroupID {
	if len(p.Groups) == 0 {
		return nil
	}
	ids := make([]GroupID, len(p.Groups))
	for i, g := range p.Groups {
		ids[i] = g.ID
	}
	return ids
}
