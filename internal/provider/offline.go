package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// offline is the model that answers where no AI is set up: a script, and it says
// so in its first sentence. It opens no connection. The same request gets the
// same answer, at once. It speaks the chat dialect and its answers are read as
// any provider's are, so that what it shows works the same with a real one.
//
// It honours max_tokens, stop, the tools and whether to stream, and makes nothing
// of other settings. A transcript is what it answers to the prompt. docs/offline-model.md is its manual.
type offline struct {
	rules []offlineRule
	now   func() time.Time
}

// newOffline reads the script that cfg names; without one only the built-in
// answers are given.
func newOffline(cfg Config) (*offline, error) {
	o := &offline{now: time.Now}
	if cfg.Script == "" {
		return o, nil
	}
	rules, err := readOfflineScript(cfg.Script)
	o.rules = rules
	return o, err
}

// Do implements Provider. Beside what a script makes it fail with, its errors are
// sallyport.UnsupportedField for more than one answer, the end of ctx and the sink's own.
func (o *offline) Do(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	if req.Operation == llm.Embed {
		return llm.Receipt{}, req.Portable()
	}
	if req.Choices > 1 {
		return llm.Receipt{}, sallyport.NewError(sallyport.UnsupportedField, "n: the offline model gives one answer")
	}
	talk := readTalk(req)
	rule := matchOfflineRule(o.rules, target, talk)
	if err := wait(ctx, time.Duration(rule.Delay)); err != nil {
		return llm.Receipt{}, err
	}
	id := offlineID(target, req)
	if rule.Error != nil {
		return llm.Receipt{Status: rule.Error.Status, RequestID: id}, rule.Error.upstream(id)
	}
	answer := rule.answer(talk)
	answer.bound(req)
	wire := offlineWire{
		id: "chatcmpl-" + id, created: o.now().Unix(), model: target,
		callID: "call_" + strings.TrimPrefix(id, "offline"), promptTokens: talk.tokens, answer: answer,
	}
	receipt := llm.Receipt{Status: 200, RequestID: id}
	if req.Operation == llm.Transcribe {
		return receipt, offlineTranscript{req: req, pieces: answer.pieces}.push(ctx, rule.Cut, out)
	}
	if req.Stream {
		return receipt, wire.stream(ctx, rule.Cut, out)
	}
	if rule.Cut != nil {
		return receipt, errOfflineCut
	}
	return receipt, wire.whole(out)
}

var errOfflineCut = sallyport.NewError(sallyport.UpstreamClosed, "The provider ended its answer before its end.")

// wait returns early, with the reason, when ctx ends.
func wait(ctx context.Context, delay time.Duration) error {
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait for the offline model: %w", err)
	}
	return nil
}

// offlineID names an answer after what was asked.
func offlineID(target string, req *llm.Request) string {
	h := sha256.New()
	h.Write([]byte(target + "\x00"))
	h.Write(req.Body.Encode())
	if req.Audio != nil {
		h.Write(req.Audio.Data)
	}
	return "offline" + hex.EncodeToString(h.Sum(nil)[:12])
}

// talk is what the offline model understands of a request.
type talk struct {
	last     string // text of the last message of the user
	result   string // texts of the tools' answers that end the conversation
	answered bool   // it ends with a tool's answer
	tokens   int64  // of all texts
	req      *llm.Request
}

func readTalk(req *llm.Request) talk {
	t := talk{req: req}
	size := len(joinTexts(req.System))
	var results []string
	for _, m := range req.Messages {
		text := joinTexts(m.Parts)
		size += len(text)
		if m.Role == llm.RoleUser {
			t.last = text
		}
		if t.answered = m.Role == llm.RoleTool; !t.answered {
			results = nil
			continue
		}
		results = append(results, text)
	}
	t.result, t.tokens = strings.Join(results, "\n"), tokensOf(size)
	return t
}

func joinTexts(parts []llm.Part) string {
	var texts []string
	for _, p := range parts {
		switch p.Kind {
		case llm.TextPart, llm.ToolCallPart, llm.RefusalPart:
			texts = append(texts, p.Text.Text())
		case llm.ToolResultPart:
			texts = append(texts, joinTexts(p.Parts))
		}
	}
	return strings.Join(texts, "\n")
}

// bytesPerToken is how the offline model counts: about what tokenizers come to
// for English text.
const bytesPerToken = 4

func tokensOf(size int) int64 { return int64(size+bytesPerToken-1) / bytesPerToken }

var _ Provider = (*offline)(nil)
