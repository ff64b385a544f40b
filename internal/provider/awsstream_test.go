package provider

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/sallyport-ai/sallyport"
)

// message frames one message.
func message(t testing.TB, payload string, headers ...string) []byte {
	t.Helper()
	var h eventstream.Headers
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], eventstream.StringValue(headers[i+1]))
	}
	var out bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&out, eventstream.Message{Headers: h, Payload: []byte(payload)}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReadMessages(t *testing.T) {
	t.Parallel()
	event := func(name, payload string) []byte {
		return message(t, payload, ":message-type", "event", ":event-type", name)
	}
	whole := bytes.Join([][]byte{
		event("messageStart", `{"role":"assistant"}`), event("empty", ""), event("messageStop", `{"a":1}`),
		message(t, `{"message":"x"}`, ":message-type", "exception", ":exception-type", "throttlingException"),
		message(t, "", ":message-type", "error", ":error-code", "500"),
		message(t, "{}", ":message-type", "exception"),
	}, nil)
	const want = `messageStart{"role":"assistant"} empty{} messageStop{"a":1} throttlingException{"message":"x"} error{} error{} `
	for name, r := range map[string]io.Reader{
		"at once": bytes.NewReader(whole), "byte by byte": iotest.OneByteReader(bytes.NewReader(whole)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got strings.Builder
			err := readMessages(r, func(name string, data []byte) error {
				fmt.Fprintf(&got, "%s%s ", name, data)
				return nil
			})
			if err != nil || got.String() != want {
				t.Errorf("got %s, %v", got.String(), err)
			}
		})
	}
	t.Run("cut", func(t *testing.T) {
		t.Parallel()
		first := len(event("messageStart", `{"role":"assistant"}`))
		for end := 1; end < first; end++ {
			if err := readMessages(bytes.NewReader(whole[:end]), func(string, []byte) error { return nil }); sallyport.CodeOf(err) != sallyport.UpstreamClosed {
				t.Fatalf("cut at %d: got %v", end, err)
			}
		}
	})
	t.Run("f refuses", func(t *testing.T) {
		t.Parallel()
		refusal := errors.New("enough")
		if err := readMessages(bytes.NewReader(whole), func(string, []byte) error { return refusal }); err != refusal {
			t.Errorf("got %v", err)
		}
	})
}

// prelude is one that says of its lengths what it is told, with a right checksum.
func prelude(length, headers uint32) []byte {
	p := binary.BigEndian.AppendUint32(nil, length)
	p = binary.BigEndian.AppendUint32(p, headers)
	return binary.BigEndian.AppendUint32(p, crc32.ChecksumIEEE(p))
}

func TestReadMessagesRefuses(t *testing.T) {
	t.Parallel()
	spoiled := message(t, `{"a":1}`, ":message-type", "event", ":event-type", "x")
	spoiled[len(spoiled)-6] ^= 1
	for name, stream := range map[string][]byte{
		"checksum":           spoiled,
		"too short":          prelude(15, 0),
		"headers too long":   append(prelude(20, 5), make([]byte, 8)...),
		"headers far longer": append(prelude(20, 1<<31), make([]byte, 8)...),
		"text":               []byte("data: {\"a\":1}\n\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := readMessages(bytes.NewReader(stream), func(string, []byte) error {
				t.Error("an event was read")
				return nil
			})
			if sallyport.CodeOf(err) != sallyport.UpstreamInvalid && !errors.Is(err, errEventTooLong) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("too long", func(t *testing.T) {
		t.Parallel()
		if err := readMessages(bytes.NewReader(prelude(eventMax+1, 0)), nil); !errors.Is(err, errEventTooLong) {
			t.Errorf("got %v", err)
		}
	})
}

// Whatever comes, it ends in events or in an error with a meaning, and what was read
// whole is read the same in pieces.
func FuzzReadMessages(f *testing.F) {
	f.Add(message(f, `{"a":1}`, ":message-type", "event", ":event-type", "messageStart"))
	f.Add(append(message(f, ``, ":message-type", "exception", ":exception-type", "validationException"), 0, 0))
	f.Add(message(f, `{}`))
	f.Add(prelude(20, 5))
	f.Add([]byte("data: x\n\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		read := func(r io.Reader) (string, sallyport.Code) {
			var got strings.Builder
			err := readMessages(r, func(name string, data []byte) error {
				fmt.Fprintf(&got, "%q%q", name, data)
				return nil
			})
			if errors.Is(err, errEventTooLong) {
				return got.String(), "too long"
			}
			code := sallyport.CodeOf(err)
			if err != nil && code != sallyport.UpstreamInvalid && code != sallyport.UpstreamClosed {
				t.Errorf("got %v", err)
			}
			return got.String(), code
		}
		said, code := read(bytes.NewReader(stream))
		if again, same := read(iotest.HalfReader(bytes.NewReader(stream))); again != said || same != code {
			t.Errorf("in pieces %s %s, at once %s %s", again, same, said, code)
		}
	})
}
