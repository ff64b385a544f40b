package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dial"
)

// syslog sends RFC 5424 messages with octet counting. The protocol has no
// answers, and what lies in a socket is lost when the receiver dies. So each
// batch has a connection of its own, which is closed on our side when all is
// written: a receiver that has read everything closes its side in order, one
// that has not resets the connection, and then the batch goes again.
type syslog struct {
	addr   string
	tls    *tls.Config // nil: plain TCP
	dialer *dial.Dialer
	encode encoder
}

// Bounds of syslog.
const (
	messageMax = 8 << 10          // bytes of one message; what is longer is cut and marked
	farewell   = 20 * time.Second // for the receiver to close its side
	facility   = 13               // log audit
	// structuredID names our parameters. The number is the one for examples: a
	// product needs none as long as names with it do not meet those of another.
	structuredID = "sallyport@32473"
)

func newSyslog(c Config, encode encoder) (*syslog, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("url: it cannot be read")
	}
	s := &syslog{dialer: dial.New(dial.Options{AllowPrivate: true}), encode: encode}
	port := "601"
	if u.Scheme == "tls" {
		port = "6514"
		if s.tls, err = trusted(c.CA); err != nil {
			return nil, err
		}
		s.tls.ServerName = u.Hostname()
	}
	if u.Port() != "" {
		port = u.Port()
	}
	s.addr = net.JoinHostPort(u.Hostname(), port)
	return s, nil
}

func (s *syslog) send(ctx context.Context, batch []Item) (err error) {
	plain, err := s.dialer.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return err
	}
	defer plain.Close() // after the farewell there is nothing left to fail
	defer context.AfterFunc(ctx, func() { _ = plain.SetDeadline(longAgo) })()
	var conn halfConn
	if s.tls == nil {
		conn, _ = plain.(halfConn)
	} else {
		secure := tls.Client(plain, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return err
		}
		conn = secure
	}
	if conn == nil {
		return errors.New("the connection cannot be closed on one side")
	}
	var text []byte
	for _, item := range batch {
		for _, e := range s.encode(item) {
			message := syslogMessage(item, e)
			text = append(strconv.AppendInt(text[:0], int64(len(message)), 10), ' ')
			text = append(text, message...)
			if _, err := conn.Write(text); err != nil {
				return err
			}
		}
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	return closed(ctx, plain, conn)
}

// halfConn can be closed on one side.
type halfConn interface {
	net.Conn
	CloseWrite() error
}

// longAgo is a deadline that ends what is under way.
var longAgo = time.Unix(1, 0)

// closed waits until the receiver closes its side.
func closed(ctx context.Context, plain, conn net.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = plain.SetDeadline(longAgo) })()
	_, err := io.Copy(io.Discard, io.LimitReader(conn, answerMax))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF): // closed in order, but without a farewell of TLS
		return nil
	case ctx.Err() != nil:
		return errors.New("the receiver did not close the connection after the last message, so nobody knows what it has read")
	}
	return err
}

// syslogMessage is one event of a record as RFC 5424 has it.
func syslogMessage(item Item, e event) []byte {
	r := &item.Record
	at := "-"
	if !r.Time.IsZero() {
		at = r.Time.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	head := fmt.Sprintf("<%d>1 %s %s sallyport - %s ", facility*8+priority(r), at, headerText(r.Node, 255), headerText(r.Action, 32))
	data := fmt.Sprintf(`[%s org="%s" seq="%d" event_id="%s"`, structuredID, parameter(string(r.Org)), item.Seq, parameter(e.id))
	text := e.text
	if room := messageMax - len(head) - len(data) - len(`truncated="true"`) - 3; len(text) > room {
		data += ` truncated="true"`
		for room > 0 && !utf8.RuneStart(text[room]) {
			room--
		}
		text = text[:room]
	}
	return append([]byte(head+data+"] "), text...)
}

// priority is the severity in syslog's numbers: 6 is informational, 5 notice, 4 warning.
func priority(r *sallyport.Record) int {
	switch {
	case alarming(r):
		return 4
	case r.Phase == sallyport.PhaseEvent:
		return 5
	}
	return 6
}

// alarming is what somebody may want to look at: what was refused, blocked or failed.
func alarming(r *sallyport.Record) bool {
	return r.Phase == sallyport.PhaseRefusal || r.Outcome == sallyport.OutcomeFailure ||
		r.Outcome == sallyport.OutcomeBlocked || r.Outcome == sallyport.OutcomeInterrupted
}

// headerText is a field of the header: visible ASCII, or "-".
func headerText(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return or(s[:min(len(s), most)], "-")
}

// parameter is a value in structured data.
func parameter(s string) string {
	return harmless(strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(strings.ToValidUTF8(s, "\uFFFD")))
}
