package providertest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// giver gives one answer.
type giver struct {
	fake   *Fake
	w      http.ResponseWriter
	r      *Request
	http   *http.Request
	answer Answer
	wire   wire
}

// longBytes is over every bound that a reader of streams may have.
const longBytes = 9 << 20

func (g *giver) give() {
	if g.answer.isZero() {
		g.answer.Text = g.r.LastUser
	}
	header := g.w.Header()
	header.Set("X-Request-Id", "req-fake")
	header.Set("Content-Type", "application/json")
	if g.r.Stream && g.answer.Fault != Plain && g.answer.Status == 0 {
		header.Set("Content-Type", g.wire.streamType())
	}
	for name, value := range g.answer.Header {
		header.Set(name, value)
	}
	switch {
	case g.before():
	case g.answer.Status != 0 && g.answer.Status != http.StatusOK:
		g.w.WriteHeader(g.answer.Status)
		g.write(g.answer.Body)
	case g.answer.Body != "":
		g.write(g.answer.Body)
	case g.r.Stream && g.answer.Fault != Plain:
		g.stream()
	default:
		g.whole()
	}
}

// isZero says whether nothing was scripted that stands in place of an echo.
func (a Answer) isZero() bool {
	return a.Text == "" && a.Pieces == nil && a.Thinking == "" && a.Tools == nil &&
		a.Body == "" && a.Frames == nil && a.Status == 0
}

// before does the faults that come in place of any answer.
func (g *giver) before() bool {
	switch g.answer.Fault {
	case Empty:
		g.w.WriteHeader(http.StatusOK)
	case Hang:
		g.untilGone()
	case NotHTTP:
		g.hijack(func(c net.Conn) { _, _ = c.Write([]byte("220 mail.example ESMTP\r\n\r\n")) })
	case Redirect:
		g.w.Header().Set("Location", g.fake.URL+"/elsewhere")
		g.w.WriteHeader(http.StatusTemporaryRedirect)
	case Compressed:
		var zipped bytes.Buffer
		zip := gzip.NewWriter(&zipped)
		_, _ = zip.Write([]byte(g.wire.whole(g.r, g.answer)))
		_ = zip.Close()
		g.w.Header().Set("Content-Encoding", "gzip")
		g.write(zipped.String())
	default:
		return false
	}
	return true
}

// whole gives a plain answer.
func (g *giver) whole() {
	if !g.step() {
		return
	}
	body := g.wire.whole(g.r, g.answer)
	half := body[:len(body)/2]
	switch g.answer.Fault {
	case Garbage:
		body = page
	case BadJSON, Cut:
		body = half
	case BadUTF8:
		body = strings.Replace(body, `":"`, "\":\"\xff", 1)
	case ErrorEvent:
		body = g.wire.failure()
	case WrongLength:
		g.w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		body = half
	case Stall, Close, Reset, Endless, LongLine:
		g.write(half)
		g.broken(strings.Repeat(" ", 64<<10))
		return
	}
	g.write(body)
}

const page = "<html><body>Gateway</body></html>"

// stream gives the frames. The fault comes after the head and After pieces.
func (g *giver) stream() {
	script := g.wire.stream(g.r, g.answer)
	if g.answer.Frames != nil {
		script = frames{pieces: g.answer.Frames}
	}
	for _, frame := range script.head {
		g.write(frame)
	}
	pieces := script.pieces
	if g.answer.Fault != "" && g.answer.Fault != Unmarked {
		pieces = pieces[:min(g.answer.After, len(pieces))]
	}
	for _, frame := range pieces {
		if !g.step() {
			return
		}
		g.write(frame)
	}
	if g.broken(g.wire.stream(g.r, Answer{Text: "more"}).pieces[0]) {
		return
	}
	for _, frame := range script.tail {
		g.write(frame)
	}
	if g.answer.Fault != Unmarked {
		g.write(script.mark)
	}
}

// broken does the faults that come in the middle. more is what an endless
// answer repeats.
func (g *giver) broken(more string) bool {
	switch g.answer.Fault {
	case "", Plain, Unmarked:
		return false
	case Stall:
		g.untilGone()
	case Close, WrongLength:
		g.flush()
		panic(http.ErrAbortHandler) // net/http's way to close without an end
	case Reset:
		g.hijack(func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) })
	case Garbage:
		g.write(g.wire.frame(page))
	case BadJSON:
		g.write(g.wire.frame("{\"id\":"))
	case BadUTF8:
		g.write(g.wire.frame("{\"id\":\"\xff\"}"))
	case LongLine:
		g.write(g.wire.frame("{\"id\":\"" + strings.Repeat("x", longBytes) + "\"}"))
	case ErrorEvent:
		g.write(g.wire.failureFrame())
	case Endless:
		for g.http.Context().Err() == nil && g.write(more) {
		}
	}
	return true
}

// step waits for leave to go on.
func (g *giver) step() bool {
	if g.answer.DelayMS > 0 {
		select {
		case <-time.After(time.Duration(g.answer.DelayMS) * time.Millisecond):
		case <-g.http.Context().Done():
			return false
		case <-g.fake.closing:
			return false
		}
	}
	if g.answer.Step == nil {
		return true
	}
	select {
	case <-g.answer.Step:
		return true
	case <-g.http.Context().Done():
	case <-g.fake.closing:
	}
	return false
}

func (g *giver) untilGone() {
	g.flush()
	select {
	case <-g.http.Context().Done():
	case <-g.fake.closing:
	}
}

func (g *giver) write(text string) bool {
	_, err := g.w.Write([]byte(text))
	g.flush()
	return err == nil
}

// flush sends what was written. A hanging Fake has written nothing and sends
// nothing: flushing would send the headers.
func (g *giver) flush() {
	if g.answer.Fault != Hang {
		_ = http.NewResponseController(g.w).Flush()
	}
}

// hijack takes the connection from net/http and closes it after f.
func (g *giver) hijack(f func(net.Conn)) {
	g.flushUnlessNotHTTP()
	c, _, err := http.NewResponseController(g.w).Hijack()
	if err != nil {
		return
	}
	f(c)
	_ = c.Close()
}

func (g *giver) flushUnlessNotHTTP() {
	if g.answer.Fault != NotHTTP {
		g.flush()
	}
}
