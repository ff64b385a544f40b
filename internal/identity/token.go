package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// The form of the tokens of sessions and invitations: idChars of base32, "-",
// secretChars of base64url. The id finds the row, which has the hash of the whole.
const tokenChars = idChars + 1 + secretChars

// newToken returns a token or an API key that nobody has seen before, its public id
// and its hash, which is made for the purpose. The token begins with the prefix.
func newToken(ctx context.Context, ring *secret.Ring, org sallyport.OrgID, purpose secret.Purpose, prefix string) (id, token string, hash []byte, err error) {
	id = idEncoding.EncodeToString(random(idBytes))
	token = prefix + id + "-" + base64.RawURLEncoding.EncodeToString(random(secretBytes))
	hash, err = ring.MAC(ctx, org, purpose, []byte(token))
	if err != nil {
		return "", "", nil, fmt.Errorf("hash a token: %w", err)
	}
	return id, token, hash, nil
}

// tokenID returns the public id of a token that has the right form.
func tokenID(token string) (string, bool) {
	if len(token) != tokenChars || token[idChars] != '-' {
		return "", false
	}
	if _, err := idEncoding.DecodeString(token[:idChars]); err != nil {
		return "", false
	}
	return strings.Clone(token[:idChars]), true // token is the caller's; do not keep it alive
}

// csrfText sets the hash below apart from every other use of a token.
const csrfText = "sallyport csrf token"

// CSRFToken is what a page must send beside the cookie with every write. It is
// made from the session's token: pages of others can make a browser send the
// cookie, but read neither.
func CSRFToken(token string) string {
	h := hmac.New(sha256.New, []byte(token))
	h.Write([]byte(csrfText))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// CheckCSRF says whether given is the session's CSRF token, in a time that does
// not depend on how much of it is right.
func CheckCSRF(token, given string) bool {
	return hmac.Equal([]byte(CSRFToken(token)), []byte(given))
}
