package gateway

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// kept collects what is kept of a call: the request as it leaves, and the answer
// as it comes from the provider, before placeholders get their values back. A
// screen of its own hides what data protection finds, also where the policy only
// observes. It is sealed and stored with the outcome; a crash before leaves a
// call without content. The nil kept keeps nothing.
type kept struct {
	level   sallyport.ContentLevel
	seal    func(plaintext, associated []byte) ([]byte, error)
	request audit.KeptRequest

	screen *dlp.Screen // of the answer
	texts  []keptText
	room   int  // bytes of the answer that may still be kept
	cut    bool // no more is kept
}

// keptText is one text of the answer.
type keptText struct {
	id   dlp.TextID
	tool []byte // the name of the tool that arguments are for
	text []byte
}

// keep begins to keep what the organisation wants kept of the call, after data
// protection has judged the request. Whatever could fail later fails here, before
// anything leaves.
func (g *Gateway) keep(ctx context.Context, call *Call, plan *dlp.Plan, mac func([]byte) ([]byte, error)) (*kept, error) {
	rules, err := g.parts.Policies.Audit(ctx, call.Principal.Org)
	if err != nil {
		return nil, err
	}
	level := rules.Level(call.Action)
	if level != sallyport.ContentRequest && level != sallyport.ContentAnswer {
		return nil, nil
	}
	k := &kept{level: level, screen: plan.Hiding().Screen(mac, tokenScope(call)), room: audit.ContentMax}
	if k.seal, err = g.parts.Keys.Sealer(ctx, call.Principal.Org, secret.Content); err != nil {
		return nil, err
	}
	k.request = keptRequest(call, plan, mac)
	return k, nil
}

// keptRequest is the body that leaves. Where the policy enforces, data protection
// has hidden in it what is to be hidden; elsewhere a copy is judged. Tokens that nobody
// here can read are not kept, also where the policy lets them leave.
func keptRequest(call *Call, plan *dlp.Plan, mac func([]byte) ([]byte, error)) audit.KeptRequest {
	if call.Request.Tokens.Exists() && encodingOf(call.candidates) == nil {
		return audit.KeptRequest{Withheld: true}
	}
	body := call.Request.Body
	if plan.Policy().Mode != dlp.Enforce {
		body = body.Clone()
		if _, err := judgeRequest(call, body, plan.Hiding().Screen(mac, tokenScope(call))); err != nil {
			return audit.KeptRequest{Withheld: true}
		}
	}
	text := body.Encode()
	return audit.KeptRequest{
		Text: whole(text[:min(len(text), audit.ContentMax)]), Cut: len(text) > audit.ContentMax,
	}
}

// whole is a copy of text without a character that was cut in two.
func whole(text []byte) string { return strings.ToValidUTF8(string(text), "") }

// take keeps the texts of an event that comes from the provider.
func (k *kept) take(e *llm.Event) {
	if k == nil || k.level != sallyport.ContentAnswer || k.cut {
		return
	}
	for _, d := range e.Deltas {
		if d.Kind == llm.SignatureDelta {
			continue
		}
		t := k.textOf(textID(d))
		if t == nil {
			return
		}
		if name := d.ToolName.Text(); name != "" {
			k.add(&t.tool, dlp.TextID{Choice: noChoice, Kind: llm.TextDelta}, "", name, true)
		}
		if d.Text.Exists() {
			k.add(&t.text, t.id, string(t.tool), d.Text.Text(), e.Kind == llm.WholeEvent)
		}
	}
}

// textsMax bounds how many texts of one answer are kept.
const textsMax = 256

// textOf finds the text that a delta is a piece of; nil: there are too many.
func (k *kept) textOf(id dlp.TextID) *keptText {
	for i := len(k.texts) - 1; i >= 0; i-- { // mostly it is the last
		if k.texts[i].id == id {
			return &k.texts[i]
		}
	}
	if len(k.texts) == textsMax {
		k.cut = true
		return nil
	}
	k.texts = append(k.texts, keptText{id: id})
	return &k.texts[len(k.texts)-1]
}

// add appends to a text what may be kept of a piece; with last, the piece ends
// it. What cannot be judged, or finds no room, ends the keeping.
func (k *kept) add(to *[]byte, id dlp.TextID, tool, piece string, last bool) {
	if k.cut {
		return
	}
	text, err := k.screen.Answer(id, tool, piece, last)
	if err != nil {
		k.cut = true
		return
	}
	if len(text) > k.room {
		text, k.cut = text[:k.room], true
	}
	*to = append(*to, text...)
	k.room -= len(text)
}

// end ends the answer. Of one that broke off, what could still have become part
// of something to hide is not kept.
func (k *kept) end(complete bool) {
	if k == nil {
		return
	}
	for i := range k.texts {
		if t := &k.texts[i]; complete {
			k.add(&t.text, t.id, string(t.tool), "", true)
		} else if k.screen.Pending(t.id) {
			k.cut = true
		}
	}
}

// keptKinds are the names of the kinds of texts.
var keptKinds = map[llm.DeltaKind]string{
	llm.TextDelta: "content", llm.ThinkingDelta: "reasoning", llm.RefusalDelta: "refusal",
	llm.ToolArgumentsDelta: "arguments", llm.AsideDelta: "other",
}

// answer is what is kept of the answer; nil where only the request is.
func (k *kept) answer() *audit.KeptAnswer {
	if k.level != sallyport.ContentAnswer {
		return nil
	}
	a := &audit.KeptAnswer{Texts: make([]audit.KeptText, 0, len(k.texts)), Cut: k.cut}
	for _, t := range k.texts {
		a.Texts = append(a.Texts, audit.KeptText{
			Choice: t.id.Choice, Kind: keptKinds[t.id.Kind], Index: t.id.Index, Tool: whole(t.tool), Text: whole(t.text),
		})
	}
	return a
}

// saltSize is that of the salt which binds content to its record.
const saltSize = 16

// sealInto puts what is kept of the call into the entry of its outcome.
func (k *kept) sealInto(e *journal.Entry) (err error) {
	if k == nil {
		return nil
	}
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails
	e.Content, err = audit.SealContent(&e.Record, k.level, audit.Kept{Request: k.request, Answer: k.answer()}, salt, k.seal)
	return err
}
