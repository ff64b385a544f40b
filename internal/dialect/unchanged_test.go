package dialect_test

import (
	"bytes"
	"flag"
	"runtime"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// chats is how many requests a dialect is tested with.
var chats = flag.Uint64("chats", 100_000, "how many generated requests each dialect is tested with")

// codec is how a dialect reads a request and writes it to a provider of the same.
type codec struct {
	// shape is what clients send, and what they may send some day. What the gateway
	// adds or takes away is not among it: those exceptions have tests of their own.
	shape  string
	decode func(body []byte) (*llm.Request, error)
	encode func(req *llm.Request, target string) ([]byte, error)
}

var codecs = map[string]codec{
	"chat": {chatShape, chat.Decode, func(req *llm.Request, target string) ([]byte, error) {
		return chat.Encode(req, target), nil
	}},
	"messages": {messagesShape, messages.Decode, func(req *llm.Request, target string) ([]byte, error) {
		return messages.Encode(req, target, 1)
	}},
	"responses": {responsesShape, responses.Decode, func(req *llm.Request, target string) ([]byte, error) {
		return responses.Encode(req, target), nil
	}},
}

// A provider of the client's dialect gets what the client sent, byte for byte, but
// for the model's name and the texts that policy changed. What is printed of a
// request that was changed otherwise has its seed: the same seed writes the same
// request.
func TestUnchanged(t *testing.T) {
	for name, c := range codecs {
		t.Run(name, func(t *testing.T) { c.test(t, mustShape(t, c.shape)) })
	}
}

func (c codec) test(t *testing.T, s *shape) {
	t.Helper()
	firsts := make(chan uint64)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			sent, wanted := newNoise(), newNoise()
			for first := range firsts {
				for seed := first; seed < min(first+batch, *chats) && !t.Failed(); seed++ {
					c.unchanged(t, seed, sent.request(s, seed, client), wanted.request(s, seed, gateway))
				}
			}
		})
	}
	for first := uint64(0); first < *chats; first += batch {
		firsts <- first
	}
	close(firsts)
	workers.Wait()
}

const batch = 1_000 // seeds that a worker takes at once

func (c codec) unchanged(t *testing.T, seed uint64, sent, want []byte) {
	t.Helper()
	req, err := c.decode(sent)
	if err != nil {
		t.Errorf("seed %d: %v\n%s", seed, err, sent)
		return
	}
	mask(req)
	got, err := c.encode(req, unquoted(gateway.model))
	switch {
	case err != nil:
		t.Errorf("seed %d: %v\n%s", seed, err, sent)
	case !bytes.Equal(got, want):
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Errorf("seed %d: changed at byte %d\ngot  %s\nwant %s", seed, at, got, want)
	}
}

// mask does what policy does, wherever the secret stands.
func mask(req *llm.Request) {
	req.Body.Root().Strings(func(s llm.Value, isKey bool) bool {
		if !isKey && s.Text() == unquoted(client.secret) {
			s.SetText(unquoted(gateway.secret))
		}
		return true
	})
}

func unquoted(json string) string { return json[1 : len(json)-1] }
