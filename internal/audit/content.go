package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sallyport-ai/sallyport"
)

// ContentMax bounds, in bytes, what is kept of a request, and what is kept of
// an answer.
const ContentMax = 64 << 10

// Kept is what is kept of one call, before it is sealed: what data protection
// let out, with placeholders where it hid something. Fields are only ever added.
type Kept struct {
	Request KeptRequest `json:"request"`
	Answer  *KeptAnswer `json:"answer,omitempty"` // nil: the level does not include it
}

// KeptRequest is a request's body.
type KeptRequest struct {
	Text string `json:"text"`
	Cut  bool   `json:"cut,omitempty"` // it was longer than ContentMax
	// Withheld says that the body could not be judged: there is no text.
	Withheld bool `json:"withheld,omitempty"`
}

// KeptAnswer is the texts of an answer, in the order in which they began.
type KeptAnswer struct {
	Texts []KeptText `json:"texts"`
	// Cut says that there is more, which was longer than ContentMax or could not
	// be judged, or that the answer broke off where it could not be judged yet.
	Cut bool `json:"cut,omitempty"`
}

// KeptText is one text of an answer.
type KeptText struct {
	Choice int    `json:"choice"`
	Kind   string `json:"kind"` // "content", "reasoning", "refusal", "arguments" or "other"
	Index  int    `json:"index,omitempty"`
	Tool   string `json:"tool,omitempty"` // the name of the tool that arguments are for
	Text   string `json:"text"`
}

// contentPlace is what sealed content is bound to, so that a row that was moved
// to another call does not open.
func contentPlace(org sallyport.OrgID, call sallyport.CallID) []byte {
	return []byte("content/" + string(org) + "/" + string(call))
}

// SealContent seals what is kept of a call and binds it to the record r, which
// tells of the call's end.
func SealContent(r *sallyport.Record, level sallyport.ContentLevel, kept Kept, salt []byte,
	seal func(plaintext, associated []byte) ([]byte, error),
) (*sallyport.Content, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(kept); err != nil {
		return nil, err
	}
	sealed, err := seal(plain.Bytes(), contentPlace(r.Org, r.Call))
	if err != nil {
		return nil, fmt.Errorf("seal the content of a call: %w", err)
	}
	r.Content = &sallyport.RecordContent{Level: level, Hash: sallyport.ContentHash(salt, plain.Bytes())}
	return &sallyport.Content{Call: r.Call, User: r.Actor.User, At: r.Time, Salt: salt, Sealed: sealed}, nil
}

// ErrContent means that content is not that which its record was written with.
var ErrContent = errors.New("the content is not that which the record was written with")

// OpenContent opens what is kept of a call, and proves that it is what the
// record with these bytes was written with.
func OpenContent(c sallyport.Content, record []byte, unseal func(sealed, associated []byte) ([]byte, error)) (Kept, error) {
	var kept Kept
	var r sallyport.Record
	if json.Unmarshal(record, &r) != nil || r.Content == nil {
		return kept, fmt.Errorf("%w: that names none", ErrContent)
	}
	plain, err := unseal(c.Sealed, contentPlace(c.Org, c.Call))
	if err != nil {
		return kept, fmt.Errorf("%w: it does not open", ErrContent)
	}
	if r.Call != c.Call || sallyport.ContentHash(c.Salt, plain) != r.Content.Hash {
		return kept, fmt.Errorf("%w: its hash is another", ErrContent)
	}
	return kept, json.Unmarshal(plain, &kept)
}
