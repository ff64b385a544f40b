package dlp

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"testing"
)

// testMAC is a keyed hash in the form that screens take: a marker, an id, a tag.
func testMAC(key string) func([]byte) ([]byte, error) {
	id := sha256.Sum256([]byte(key))
	return func(data []byte) ([]byte, error) {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(data)
		return mac.Sum(append([]byte{1}, id[:4]...)), nil
	}
}

func newScreen(p Policy) *Screen { return New().Plan(p).Screen(testMAC("test"), "session") }

// filler makes text of n bytes that looks random and is always the same.
func filler(n int, alphabet string) string {
	var b strings.Builder
	state := uint32(2463534242)
	for range n {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		b.WriteByte(alphabet[state%uint32(len(alphabet))])
	}
	return b.String()
}

const (
	mixed       = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	base32Chars = "abcdefghijklmnopqrstuvwxyz234567"
	hexes       = "0123456789abcdef"
	upper       = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

var testKeyBlock = "-----BEGIN PRIVATE KEY-----\n" + filler(64, mixed) + "\n" + filler(40, mixed) + "\n-----END PRIVATE KEY-----"

// sayType joins the finds of a text for comparison: "EMAIL_ADDRESS=ann@example.com".
func sayType(text string) string {
	var said []string
	for _, m := range New().Scan(text) {
		said = append(said, m.Type+"="+text[m.Start:m.End])
	}
	return strings.Join(said, " | ")
}

func check(t *testing.T, text, want string) {
	t.Helper()
	if got := sayType(text); got != want {
		t.Errorf("Scan(%q)\n got %s\nwant %s", text, got, want)
	}
}
