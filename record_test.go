package sallyport_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

func TestRecord_Seal(t *testing.T) {
	zone := time.FixedZone("somewhere", 2*60*60)
	r := sallyport.Record{
		EventID: "e", Phase: sallyport.PhaseIntent, Org: "o", Action: "chat.completions",
		Time:   time.Date(2026, 3, 1, 14, 0, 0, 123456789, zone),
		Source: sallyport.Source{IP: "192.0.2.7", UserAgent: "curl"}, SourceSalt: []byte("salt"),
	}
	prev := sallyport.Hash{1, 2, 3}
	body, hash, err := r.Seal(7, prev)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"event_id":"e","org_seq":7,"phase":"intent","time":"2026-03-01T12:00:00.123456789Z","org_id":"o","actor":{"type":""},"action":"chat.completions"}`
	if string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	if sum := sha256.Sum256(append(prev[:], body...)); hash != sum {
		t.Errorf("got %x, want SHA-256 of the previous hash and the bytes: %x", hash, sum)
	}
	if r.Seq != 7 || r.Version != sallyport.RecordVersion {
		t.Errorf("the record has number %d and version %d, want 7 and %d", r.Seq, r.Version, sallyport.RecordVersion)
	}
}

func TestRecord_Seal_never_writes_the_source(t *testing.T) {
	r := sallyport.Record{
		Source:     sallyport.Source{IP: "192.0.2.7", UserAgent: "secret-agent"},
		SourceSalt: []byte("pepper"), SourceHash: "abc",
	}
	body, _, err := r.Seal(1, sallyport.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"192.0.2.7", "secret-agent", "pepper", "cGVwcGVy"} {
		if bytes.Contains(body, []byte(word)) {
			t.Errorf("%q stands in the chain, where it cannot be erased: %s", word, body)
		}
	}
}

func TestRecord_Seal_refuses_a_broken_change(t *testing.T) {
	r := sallyport.Record{Change: json.RawMessage(`{"half":`)}
	if _, _, err := r.Seal(1, sallyport.Hash{}); err == nil {
		t.Error("a record that is not JSON was sealed")
	}
}

// Whatever stands in a record, its bytes are one line of JSON.
func TestRecord_Seal_is_one_line(t *testing.T) {
	r := sallyport.Record{
		Action: "a\nb\u2028c\xff", Change: json.RawMessage("{\n \"a\": \"<&>\"\n}"),
	}
	body, _, err := r.Seal(1, sallyport.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsAny(body, "\r\n") || !json.Valid(body) {
		t.Errorf("not a line of JSON: %q", body)
	}
}

func TestChainHash_depends_on_everything(t *testing.T) {
	base := sallyport.ChainHash(sallyport.Hash{}, []byte("body"))
	if base == sallyport.ChainHash(sallyport.Hash{1}, []byte("body")) {
		t.Error("the hash does not depend on the one before")
	}
	if base == sallyport.ChainHash(sallyport.Hash{}, []byte("bodY")) {
		t.Error("the hash does not depend on the bytes")
	}
}

func TestError(t *testing.T) {
	cause := sallyport.NewError(sallyport.UpstreamTimeout, "no answer")
	err := sallyport.WrapError(sallyport.Internal, "sentence for the caller", cause)
	if got := err.Error(); strings.Contains(got, "no answer") || !strings.Contains(got, "sentence") {
		t.Errorf("got %q, want the sentence without its cause", got)
	}
	for _, test := range []struct {
		err  error
		want sallyport.Code
	}{
		{nil, ""}, {cause, sallyport.UpstreamTimeout}, {err, sallyport.Internal}, {bytes.ErrTooLarge, sallyport.Internal},
	} {
		if got := sallyport.CodeOf(test.err); got != test.want {
			t.Errorf("%v: got %q, want %q", test.err, got, test.want)
		}
	}
}

func TestKey_UsableAt(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		key  sallyport.Key
		want bool
	}{
		{"for ever", sallyport.Key{}, true},
		{"before its end", sallyport.Key{ExpiresAt: now.Add(1)}, true},
		{"at its end", sallyport.Key{ExpiresAt: now}, false},
		{"revoked", sallyport.Key{RevokedAt: now.Add(-1)}, false},
		{"revoked in the future", sallyport.Key{RevokedAt: now.Add(time.Hour), ExpiresAt: now.Add(time.Hour)}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.key.UsableAt(now); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestRole_Valid(t *testing.T) {
	for role, want := range map[sallyport.Role]bool{
		sallyport.RoleUser: true, sallyport.RoleAgentCreator: true, sallyport.RoleAdministrator: true,
		"": false, "Administrator": false, "root": false,
	} {
		if role.Valid() != want {
			t.Errorf("%q: got %v, want %v", role, !want, want)
		}
	}
}
