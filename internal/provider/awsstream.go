package provider

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/sallyport-ai/sallyport"
)

// What surrounds a message: its own length and that of its headers and their checksum
// before them, and a checksum at the end.
const (
	messagePrelude = 12
	messageFrame   = messagePrelude + 4
)

var errMessage = errors.New("a message of the stream is not framed as its API says")

// readMessages is an eventReader of AWS's binary event streams
// (application/vnd.amazon.eventstream). The name of an event is its type, of an
// exception that of the exception, and of an error without one "error". A message that
// has no payload has {}. A stream that ends inside of a message is UpstreamClosed.
//
// What a message says of its lengths is checked before it is believed: nothing is read
// over eventMax, and room is made as bytes arrive.
func readMessages(r io.Reader, f func(name string, data []byte) error) error {
	var (
		decoder = eventstream.NewDecoder()
		message bytes.Buffer
		payload []byte
	)
	for {
		message.Reset()
		if err := readMessage(r, &message); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		m, err := decoder.Decode(&message, payload)
		if err != nil || message.Len() > 0 {
			return invalid("a broken event", errors.Join(errMessage, err))
		}
		if payload = m.Payload; len(payload) == 0 {
			payload = []byte("{}")
		}
		if err := f(messageName(m.Headers), payload); err != nil {
			return err
		}
	}
}

// readMessage reads one whole message. io.EOF is the end of r where a message ends.
func readMessage(r io.Reader, into *bytes.Buffer) error {
	switch _, err := io.CopyN(into, r, messagePrelude); {
	case err == io.EOF && into.Len() > 0:
		return cutShort()
	case err != nil:
		return err
	}
	length := int64(binary.BigEndian.Uint32(into.Bytes()))
	headers := int64(binary.BigEndian.Uint32(into.Bytes()[4:]))
	switch {
	case length > eventMax:
		return errEventTooLong
	case length < messageFrame || headers > length-messageFrame:
		return invalid("a broken event", errMessage)
	}
	_, err := io.CopyN(into, r, length-messagePrelude)
	if err == io.EOF {
		return cutShort()
	}
	return err
}

func cutShort() error {
	return sallyport.WrapError(sallyport.UpstreamClosed, "The provider ended its answer before its end.", io.ErrUnexpectedEOF)
}

// messageName does not trust the provider's word for the type of a header.
func messageName(headers eventstream.Headers) string {
	text := func(name string) string {
		if v, ok := headers.Get(name).(eventstream.StringValue); ok {
			return string(v)
		}
		return ""
	}
	switch text(":message-type") {
	case "exception":
		if name := text(":exception-type"); name != "" {
			return name
		}
		return "error"
	case "error":
		return "error"
	}
	return text(":event-type")
}
