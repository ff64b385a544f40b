package sallyport

import "time"

// SessionID is the public half of a session's token: it finds the row, it
// proves nothing.
type SessionID string

// Session is a person who signed in to one organisation, as it is kept: never
// the token, only its keyed hash. It acts as the membership. A session that was
// ended is not there any more.
type Session struct {
	ID        SessionID
	Org       OrgID
	User      UserID
	Hash      []byte // HMAC-SHA256 of the whole token under the organisation's keyset
	CreatedAt time.Time
	SeenAt    time.Time // the last use, as precise as SessionSeenEvery
	ExpiresAt time.Time // however much it is used
	// Source is where the person signed in from. It is shown to that person alone
	// and goes with the session.
	Source Source
}

// The bounds of sessions.
const (
	// SessionIdleMax ends a session that nobody uses: a working day and no night.
	SessionIdleMax = 12 * time.Hour
	// SessionLifeMax ends every session.
	SessionLifeMax = 7 * 24 * time.Hour
	// SessionSeenEvery is how often a use is written down.
	SessionSeenEvery = time.Minute
	// SessionsMax is how many sessions a member has at once: the one that was not
	// used for longest makes room.
	SessionsMax = 50
)

// EndsAt is when the session ends unless it is used again.
func (s Session) EndsAt() time.Time {
	if idle := s.SeenAt.Add(SessionIdleMax); idle.Before(s.ExpiresAt) {
		return idle
	}
	return s.ExpiresAt
}

// LiveAt says whether the session opens anything at that time.
func (s Session) LiveAt(now time.Time) bool { return now.Before(s.EndsAt()) }

// Tries is how often somebody has tried to sign in by one name, such as that of a
// network. The zero Tries is nobody's.
type Tries struct {
	N     int64
	Last  time.Time
	Until time.Time // no try before
}
