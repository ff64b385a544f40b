package store_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// fault is what a wire does to the next question.
type fault int

const (
	noFault fault = iota
	loseQuestion
	loseHalfOfQuestion
	loseAnswer // once the database has given it
)

// wire stands between a store and PostgreSQL. It counts the questions to which the
// store waits for an answer, but not whether the connection lives, and loses some.
type wire struct {
	url   string
	asked atomic.Int64
	fault atomic.Int64 // of type fault; taken by the next question
}

func newWire(t *testing.T, database string) *wire {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w, server := &wire{}, u.Host
	u.Host, u.RawQuery = listener.Addr().String(), "sslmode=disable"
	w.url = u.String()
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { w.join(client, server) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); conns.Wait() })
	return w
}

// join passes all on until one of the two has gone.
func (w *wire) join(client net.Conn, server string) {
	defer client.Close()
	database, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer database.Close()
	var lose atomic.Bool
	var answers sync.WaitGroup
	answers.Go(func() {
		defer client.Close()
		passAnswers(client, database, &lose)
	})
	w.passQuestions(client, database, &lose)
	_ = database.Close() // it ends the answers
	answers.Wait()
}

func (w *wire) passQuestions(client io.Reader, database io.Writer, lose *atomic.Bool) {
	const sync, simple, finish, typed = 'S', 'Q', 'X', 1
	var question []byte
	for header := 0; ; header = typed { // the first message has no type
		start := len(question)
		message := append(question, make([]byte, header+4)...)
		if _, err := io.ReadFull(client, message[start:]); err != nil {
			return
		}
		length := binary.BigEndian.Uint32(message[start+header:])
		body := make([]byte, length-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		question = append(message, body...)
		if kind := question[start]; header == typed && kind != sync && kind != simple && kind != finish {
			continue
		} else if header == typed && (kind == sync || kind == simple && !bytes.Contains(question, []byte("-- ping"))) {
			w.asked.Add(1)
			switch fault(w.fault.Swap(int64(noFault))) {
			case loseQuestion:
				return
			case loseHalfOfQuestion:
				_, _ = database.Write(question[:len(question)/2])
				return
			case loseAnswer:
				lose.Store(true)
			}
		}
		if _, err := database.Write(question); err != nil {
			return
		}
		question = nil
	}
}

func passAnswers(client io.Writer, database io.Reader, lose *atomic.Bool) {
	whole := []byte("Z\x00\x00\x00\x05I") // ready, outside of a transaction
	var lost []byte
	for chunk := make([]byte, 64<<10); ; {
		n, err := database.Read(chunk)
		if err != nil {
			return
		}
		if lose.Load() {
			lost = append(lost, chunk[:n]...)
			if bytes.HasSuffix(lost, whole) {
				return
			}
			continue
		}
		if _, err := client.Write(chunk[:n]); err != nil {
			return
		}
	}
}
