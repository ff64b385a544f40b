package server_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/sallyport-ai/sallyport/internal/server"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// wire is a house whose listeners take raw bytes.
type wire struct {
	*servertest.House
	plain string // address
	tls   string
	trust *tls.Config
}

func openWire(t *testing.T) *wire {
	t.Helper()
	h := servertest.New(t, servertest.Options{})
	w := &wire{House: h, plain: strings.TrimPrefix(h.URL, "http://")}
	authority := httptest.NewUnstartedServer(nil)
	authority.StartTLS()
	authority.Close() // only its certificate is wanted
	w.trust = authority.Client().Transport.(*http.Transport).TLSClientConfig

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure, ended := h.Server.HTTP(), make(chan error)
	go func() { ended <- secure.Serve(server.FramedTLS(l, authority.TLS)) }()
	t.Cleanup(func() {
		if err := secure.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	w.tls = l.Addr().String()
	return w
}

// exchange sends raw bytes and returns what comes back until the server closes.
// When it does not close, the test fails by its deadline.
func exchange(t *testing.T, conn net.Conn, raw io.Reader) []*http.Response {
	t.Helper()
	defer conn.Close()
	go func() { _, _ = io.Copy(conn, raw) }() // the server may have closed before the end
	var got []*http.Response
	in := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return got
		}
		body, err := io.ReadAll(resp.Body)
		// What the server has not read when it closes makes a reset of the close, which
		// may be how a body ends that has no length.
		if err != nil && !(resp.ContentLength < 0 && errors.Is(err, syscall.ECONNRESET)) {
			t.Fatal(err)
		}
		resp.Body = io.NopCloser(strings.NewReader(string(body)))
		got = append(got, resp)
	}
}

// dials are the ways to a wire that speak HTTP/1.1.
func (w *wire) dials() map[string]func(t *testing.T) net.Conn {
	return map[string]func(t *testing.T) net.Conn{
		"plain": func(t *testing.T) net.Conn {
			c, err := net.Dial("tcp", w.plain)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		"tls": func(t *testing.T) net.Conn {
			c, err := tls.Dial("tcp", w.tls, w.trust)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
	}
}

// A request whose end two servers could see in different places is refused, its
// connection closed, and nothing in it or behind it is read as a request.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	w := openWire(t)
	inner := "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nX-Api-Key: " + w.Home.User.Key + "\r\n"
	hidden := inner + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(chatBody(false, "x", "")), chatBody(false, "x", ""))
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(chatBody(false, "x", "")), chatBody(false, "x", ""))
	for name, raw := range map[string]string{
		"length, then chunked":    inner + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + hidden,
		"chunked, then length":    inner + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunked + hidden,
		"in other letters":        inner + "content-length: 4\r\ntRANSFER-eNCODING: Chunked\r\n\r\n" + chunked + hidden,
		"with bare line feeds":    strings.ReplaceAll(inner+"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", "\r", "") + chunked + hidden,
		"two lengths":             inner + "Content-Length: 0\r\nContent-Length: 50\r\n\r\n" + hidden,
		"the same length twice":   inner + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + hidden,
		"a list of lengths":       inner + "Content-Length: 0, 0\r\n\r\n" + hidden,
		"a length with a sign":    inner + "Content-Length: +0\r\n\r\n" + hidden,
		"a negative length":       inner + "Content-Length: -1\r\n\r\n" + hidden,
		"a hexadecimal length":    inner + "Content-Length: 0x10\r\n\r\n" + hidden,
		"an empty length":         inner + "Content-Length:\r\n\r\n" + hidden,
		"a huge length":           inner + "Content-Length: 9223372036854775808\r\n\r\n" + hidden,
		"a blank in the name":     inner + "Content-Length : 5\r\n\r\n" + hidden,
		"a blank before a colon":  inner + "Transfer-Encoding : chunked\r\n\r\n" + chunked + hidden,
		"chunked and a tab":       inner + "Transfer-Encoding: chunked\t\r\n\r\n" + chunked + hidden,
		"a tab and chunked":       inner + "Transfer-Encoding:\tchunked\r\n\r\n" + chunked + hidden,
		"a vertical tab":          inner + "Transfer-Encoding: \x0bchunked\r\n\r\n" + chunked + hidden,
		"chunked on the next":     inner + "Transfer-Encoding:\r\n chunked\r\n\r\n" + chunked + hidden,
		"a continued line":        inner + "X-Any: a\r\n b\r\n\r\n" + hidden,
		"a continued length":      inner + "Content-Length:\r\n\t0\r\n\r\n" + hidden,
		"a coding before chunked": inner + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked + hidden,
		"identity":                inner + "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n" + hidden,
		"twice chunked":           inner + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + hidden,
		"chunks in HTTP/1.0":      strings.Replace(inner, "HTTP/1.1", "HTTP/1.0", 1) + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + hidden,
		"NUL in a name":           inner + "Content\x00-Length: 4\r\n\r\n" + hidden,
	} {
		for how, dial := range w.dials() {
			for pace, reader := range map[string]io.Reader{
				"whole": strings.NewReader(raw), "in bytes": iotest.OneByteReader(strings.NewReader(raw)),
			} {
				got := exchange(t, dial(t), reader)
				if len(got) != 1 || got[0].StatusCode != http.StatusBadRequest || !got[0].Close {
					t.Errorf("%s, %s, %s: %s", name, how, pace, statuses(got))
				}
			}
		}
	}
	if n := len(w.Fake.Requests()); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
}

func statuses(all []*http.Response) (text string) {
	for _, r := range all {
		text += fmt.Sprintf("%d (close: %t) ", r.StatusCode, r.Close)
	}
	return text
}

// What is in order passes: one after the other on a connection, sent at once or
// in pieces, with a body or without, and towards the provider the body has a
// length again.
func TestFraming(t *testing.T) {
	t.Parallel()
	w := openWire(t)
	body := chatBody(false, "hello", "")
	key := "X-Api-Key: " + w.Home.User.Key + "\r\n"
	get := "GET /v1/models HTTP/1.1\r\nHost: h\r\n" + key + "\r\n"
	post := "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n" + key + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	chunks := "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n" + key + "Transfer-Encoding: chunked\r\n\r\n" +
		fmt.Sprintf("5;note=1\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", body[:5], len(body)-5, body[5:])
	bad := "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		name, raw, want string
	}{
		{"one after the other", get + post + get + post + "\r\n" + bad, "200 200 200 200 400 "},
		{"many", strings.Repeat(post, 20) + bad, strings.Repeat("200 ", 20) + "400 "},
		{"a body that looks like a header", strings.Replace(post, "hello", "hellO", 1) + bad, "200 400 "},
		{"chunks, and the connection is closed", get + chunks + get, "200 200 "},
		{"the last one may say so", post + strings.Replace(get, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1), "200 200 "},
	} {
		for how, dial := range w.dials() {
			for pace, reader := range map[string]io.Reader{
				"whole": strings.NewReader(tt.raw), "in bytes": iotest.OneByteReader(strings.NewReader(tt.raw)),
			} {
				got := ""
				for _, r := range exchange(t, dial(t), reader) {
					got += fmt.Sprintf("%d ", r.StatusCode)
				}
				if got != tt.want {
					t.Errorf("%s, %s, %s: %s, want %s", tt.name, how, pace, got, tt.want)
				}
			}
		}
	}
	for _, asked := range w.Fake.Requests() {
		if got := asked.Header.Get("Content-Length"); got != strconv.Itoa(len(asked.Body)) {
			t.Errorf("the provider was sent %d bytes with the length %q", len(asked.Body), got)
		}
	}
}

// HTTP/2 has frames of its own and is served as before; plain HTTP where TLS is
// spoken gets told.
func TestSecureListener(t *testing.T) {
	t.Parallel()
	w := openWire(t)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: w.trust, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	r := w.Request(t.Context(), t, w.Home.User.Key, http.MethodPost, chatPath, chatBody(false, "hello", ""))
	r.URL.Scheme, r.URL.Host = "https", w.tls
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
		t.Errorf("over TLS: %s %s", resp.Proto, resp.Status)
	}
	conn, err := net.Dial("tcp", w.tls)
	if err != nil {
		t.Fatal(err)
	}
	if got := exchange(t, conn, strings.NewReader("GET / HTTP/1.1\r\nHost: h\r\n\r\n")); len(got) != 1 || got[0].StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP: %s", statuses(got))
	}
}
