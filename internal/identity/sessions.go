package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// SessionStore keeps sessions; store.DB is the real one. Its methods are safe
// for concurrent use.
type SessionStore interface {
	// Session returns the session and the role of its membership;
	// sallyport.NotFound for one that was ended or whose member is not active. It
	// takes no organisation: it is how the caller's is found.
	Session(ctx context.Context, id sallyport.SessionID) (sallyport.Session, sallyport.Role, error)
	MemberGroups(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.Group, error)
	// Member returns sallyport.NotFound for who is no member.
	Member(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) (sallyport.Membership, error)
	CreateSession(ctx context.Context, s sallyport.Session, rec sallyport.Record) error
	TouchSession(ctx context.Context, s sallyport.Session, at time.Time) error
}

// Sessions begins and checks sessions. It is safe for concurrent use.
//
// A session ends when its row goes: by a sign-out, a new password, a member
// switched off. Who ends one moves the database's counter of changes, and Forget
// makes every node read the row again.
type Sessions struct {
	store SessionStore
	ring  *secret.Ring
	now   func() time.Time
	rows  cache[sallyport.SessionID, sessionRow]
}

type sessionRow struct {
	sallyport.Session
	role   sallyport.Role
	groups []sallyport.Group // shared by all who ask: nobody changes it
}

// NewSessions returns the sessions of one database.
func NewSessions(store SessionStore, ring *secret.Ring, now func() time.Time) *Sessions {
	return &Sessions{store: store, ring: ring, now: now}
}

// Begin makes a session of the member with a token that nobody has seen before,
// and returns both; the token is kept nowhere. rec makes the record that tells of it.
func (s *Sessions) Begin(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, source sallyport.Source,
	rec func(sallyport.SessionID) sallyport.Record) (sallyport.Session, string, error) {
	id, token, hash, err := newToken(ctx, s.ring, org, secret.TokenHash, "")
	if err != nil {
		return sallyport.Session{}, "", err
	}
	now := s.now().UTC().Truncate(time.Microsecond) // as precise as it is stored
	session := sallyport.Session{
		ID: sallyport.SessionID(id), Org: org, User: user, Hash: hash,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(sallyport.SessionLifeMax), Source: source,
	}
	if err := s.store.CreateSession(ctx, session, rec(session.ID)); err != nil {
		return sallyport.Session{}, "", err
	}
	return session, token, nil
}

// Authenticate returns who calls with that token, and the session. A token that
// opens nothing is sallyport.Unauthorized, always in the same words; when the
// store cannot say, that is another error, and nobody is let in.
func (s *Sessions) Authenticate(ctx context.Context, token string) (sallyport.Principal, sallyport.Session, error) {
	public, ok := tokenID(token)
	if !ok {
		return sallyport.Principal{}, sallyport.Session{}, errSignedOut
	}
	id := sallyport.SessionID(public)
	row, err := s.row(ctx, id)
	if err != nil {
		return sallyport.Principal{}, sallyport.Session{}, err
	}
	err = s.ring.VerifyMAC(ctx, row.Org, secret.TokenHash, row.Hash, []byte(token))
	if errors.Is(err, secret.ErrMAC) {
		return sallyport.Principal{}, sallyport.Session{}, errSignedOut
	}
	if err != nil {
		return sallyport.Principal{}, sallyport.Session{}, fmt.Errorf("check session %s: %w", id, err)
	}
	if row, err = s.used(ctx, row); err != nil {
		return sallyport.Principal{}, sallyport.Session{}, err
	}
	return sallyport.Principal{Org: row.Org, User: row.User, Role: row.role, Groups: row.groups, Session: id}, row.Session, nil
}

// used says that the session is used now, and refuses one whose time is over.
func (s *Sessions) used(ctx context.Context, row sessionRow) (sessionRow, error) {
	now := s.now()
	if now.Sub(row.SeenAt) < sallyport.SessionSeenEvery && row.LiveAt(now) {
		return row, nil
	}
	// Another node may have written down a later use than the row in memory has.
	s.rows.drop(row.ID)
	row, err := s.row(ctx, row.ID)
	if err != nil {
		return row, err
	}
	if !row.LiveAt(now) {
		return row, errSignedOut
	}
	if now.Sub(row.SeenAt) < sallyport.SessionSeenEvery {
		return row, nil
	}
	if err := s.store.TouchSession(ctx, row.Session, now); err != nil {
		return row, fmt.Errorf("write down that session %s is used: %w", row.ID, err)
	}
	s.rows.drop(row.ID)
	row.SeenAt = now
	return row, nil
}

// Member returns who acts as the membership itself, for work that a session
// began and that goes on after it. A member who is not active, or is none any
// more, is sallyport.Unauthorized.
func (s *Sessions) Member(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) (sallyport.Principal, error) {
	m, err := s.store.Member(ctx, org, user)
	if sallyport.CodeOf(err) == sallyport.NotFound || err == nil && !m.Active() {
		return sallyport.Principal{}, unauthorized("The person who began this is no active member of the organisation any more.")
	}
	if err != nil {
		return sallyport.Principal{}, fmt.Errorf("look up member %s: %w", user, err)
	}
	groups, err := s.store.MemberGroups(ctx, org, user)
	if err != nil {
		return sallyport.Principal{}, fmt.Errorf("look up the groups of member %s: %w", user, err)
	}
	return sallyport.Principal{Org: org, User: user, Role: m.Role, Groups: groups}, nil
}

// Forget drops the kept rows, so that the next use of a session reads it again.
func (s *Sessions) Forget() { s.rows.forget() }

var errSignedOut = unauthorized("You are signed out. Sign in again.")

func (s *Sessions) row(ctx context.Context, id sallyport.SessionID) (sessionRow, error) {
	return s.rows.get(id, func() (sessionRow, error) {
		session, role, err := s.store.Session(ctx, id)
		if sallyport.CodeOf(err) == sallyport.NotFound {
			return sessionRow{}, errSignedOut
		}
		if err != nil {
			return sessionRow{}, fmt.Errorf("look up session %s: %w", id, err)
		}
		groups, err := s.store.MemberGroups(ctx, session.Org, session.User)
		if err != nil {
			return sessionRow{}, fmt.Errorf("look up the groups of session %s: %w", id, err)
		}
		return sessionRow{session, role, groups}, nil
	})
}
