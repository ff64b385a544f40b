package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// A Proof is what a provider signed its thinking with, on its way through a client
// of another dialect: in a place where that has something sealed, which its clients
// send back untouched. It names whose it is, so that nobody else ever gets it. It
// proves nothing by itself; the signature does, to the provider that made it.
type Proof struct {
	Dialect   llm.Dialect `json:"d"` // of the provider
	Family    string      `json:"f"` // of its models, see Family
	Signature string      `json:"s"`
	// Sum is of the thinking that the signature covers, "" for none: what was changed
	// since is proven no more.
	Sum string `json:"t,omitempty"`
	// Redacted says that Signature is thinking itself, which nobody may read.
	Redacted bool `json:"r,omitempty"`
	// Cut is where in the text beside it that thinking stands; nil: it is the whole. Who
	// reads a request cuts the text by it.
	Cut *Cut `json:"c,omitempty"`
}

// A Cut is a piece of a text, in bytes: some dialects have one text for all thinking
// of a message, of which each piece is signed for itself.
type Cut struct {
	From   int `json:"o"`
	Length int `json:"n"`
}

// Of is that piece of text; ok is false when text has none there.
func (c Cut) Of(text string) (piece string, ok bool) {
	if c.From < 0 || c.Length < 0 || c.From > len(text) || c.Length > len(text)-c.From {
		return "", false
	}
	return text[c.From : c.From+c.Length], true
}

// proofPrefix marks a Proof among what other services seal.
const proofPrefix = "sallyport1."

// Signer is whose answer is written for a client: signatures are theirs alone.
type Signer struct {
	Dialect llm.Dialect
	Model   string
}

// Note notes whose answer it is, as far as e tells that.
func (s *Signer) Note(e *llm.Event) {
	if s.Dialect = e.Dialect; e.Model != "" {
		s.Model = strings.Clone(e.Model)
	}
}

// Proof is the proof for thinking, as clients see it.
func (s Signer) Proof(thinking, signature string) string {
	return Proof{Dialect: s.Dialect, Family: Family(s.Model), Signature: signature, Sum: sumOf(thinking)}.seal()
}

// CutProof is the proof for thinking that is a piece of what stands beside it.
func (s Signer) CutProof(thinking, signature string, cut Cut) string {
	return Proof{Dialect: s.Dialect, Family: Family(s.Model), Signature: signature, Sum: sumOf(thinking), Cut: &cut}.seal()
}

// Redacted is the proof that thinking is which nobody may read.
func (s Signer) Redacted(data string) string {
	return Proof{Dialect: s.Dialect, Family: Family(s.Model), Signature: data, Redacted: true}.seal()
}

func (p Proof) seal() string { return proofPrefix + base64.RawURLEncoding.EncodeToString(Marshal(p)) }

// IsRedacted says whether a sealed text is a Proof of Signer.Redacted.
func IsRedacted(sealed string) bool {
	p, ok := openProof(sealed)
	return ok && p.Redacted
}

// CutOf is what piece of a text a sealed text is for; ok is false when it is a Proof of the whole.
func CutOf(sealed string) (cut Cut, ok bool) {
	p, ok := openProof(sealed)
	if !ok || p.Cut == nil {
		return Cut{}, false
	}
	return *p.Cut, true
}

// IsProof says whether a sealed text is a Proof, and no secret of another service.
func IsProof(sealed string) bool { return strings.HasPrefix(sealed, proofPrefix) }

func openProof(sealed string) (p Proof, ok bool) {
	rest, ok := strings.CutPrefix(sealed, proofPrefix)
	body, err := base64.RawURLEncoding.DecodeString(rest)
	return p, ok && err == nil && json.Unmarshal(body, &p) == nil
}

func sumOf(thinking string) string {
	if thinking == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(thinking))
	return hex.EncodeToString(sum[:16])
}

// Proven are the parts that a model of a provider of that dialect may get: thinking
// only with a signature of its own family, which is then its Proof, and unchanged.
func Proven(parts []llm.Part, dialect llm.Dialect, target string) []llm.Part {
	var kept []llm.Part
	for i, part := range parts {
		if part.Kind != llm.ThinkingPart {
			if kept != nil {
				kept = append(kept, part)
			}
			continue
		}
		if kept == nil {
			kept = append(make([]llm.Part, 0, len(parts)), parts[:i]...)
		}
		p, ok := openProof(part.Proof)
		if ok && p.Dialect == dialect && p.Family == Family(target) && p.Sum == sumOf(part.Text.Text()) {
			part.Proof, part.Redacted = p.Signature, p.Redacted
			kept = append(kept, part)
		}
	}
	if kept == nil {
		return parts
	}
	return kept
}

// Family is the name of a model's family: claude of eu.anthropic.claude-sonnet-4-5,
// gemini-3 of models/gemini-3-pro. Within one, models read each other's signatures;
// generations of Gemini do not.
func Family(model string) string {
	name := model[strings.LastIndexAny(model, "/.")+1:]
	if at := strings.Index(model, "gemini-"); at >= 0 {
		name = model[at:]
		generation, _, _ := strings.Cut(strings.TrimPrefix(name, "gemini-"), "-")
		major, _, _ := strings.Cut(generation, ".")
		return "gemini-" + major
	}
	if at := strings.Index(model, "claude"); at >= 0 {
		return "claude"
	}
	family, _, _ := strings.Cut(name, "-")
	return family
}

// Without makes the patch that takes out of a list what gone says; none where there
// is nothing of the kind.
func Without(list llm.Value, gone func(llm.Value) bool) []llm.Patch {
	var kept [][]byte
	list.Items(func(_ int, item llm.Value) bool {
		if !gone(item) {
			kept = append(kept, item.JSON())
		}
		return true
	})
	if list.Kind() != llm.Array || len(kept) == list.Len() {
		return nil
	}
	return []llm.Patch{llm.Replace(list, slices.Concat([]byte{'['}, bytes.Join(kept, []byte{','}), []byte{']'}))}
}
