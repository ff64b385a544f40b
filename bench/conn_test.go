package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// answered sends a request to a server that answers with these bytes and hangs up.
func answered(t *testing.T, bytes string) (c *conn, status int, body string, arrived []int, err error) {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		if _, err := io.ReadFull(far, make([]byte, len("ask"))); err == nil {
			_, _ = io.WriteString(far, bytes) // the test fails for what is missing
		}
	}()
	c = &conn{net: near, in: bufio.NewReader(near)}
	t.Cleanup(c.close)
	status, got, err := c.exchange([][]byte{[]byte("as"), []byte("k")}, nil, func(body []byte) { arrived = append(arrived, len(body)) })
	return c, status, string(got), arrived, err
}

func TestExchange(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		status       int
		body         string
		arrived      []int
		closes       bool
	}{
		{"length", "HTTP/1.1 200 OK\r\nX: y\r\ncontent-length: 5\r\n\r\nhello", 200, "hello", []int{0}, false},
		{"nothing", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 503, "", []int{0}, true},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 200, "hello", []int{0, 3, 5}, false},
		{"trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n", 200, "0123456789", []int{0, 10}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, status, body, arrived, err := answered(t, test.answer)
			if err != nil || status != test.status || body != test.body || c.closes != test.closes || !slices.Equal(arrived, test.arrived) {
				t.Errorf("got %d %q after %v, closes %t, %v; want %d %q after %v, closes %t",
					status, body, arrived, c.closes, err, test.status, test.body, test.arrived, test.closes)
			}
			if left, err := io.ReadAll(c.in); err != nil || len(left) > 0 {
				t.Errorf("left unread: %q, %v", left, err)
			}
		})
	}
}

func TestExchangeCut(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
	for end := range len(answer) {
		if _, _, body, _, err := answered(t, answer[:end]); !errors.Is(err, errCut) {
			t.Errorf("after %q: body %q, err %v, want errCut", answer[:end], body, err)
		}
	}
	const whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"
	if _, _, _, _, err := answered(t, whole); !errors.Is(err, errCut) {
		t.Errorf("err = %v, want errCut", err)
	}
}

func TestExchangeErrors(t *testing.T) {
	for _, test := range []struct{ answer, want string }{
		{"SSH-2.0-OpenSSH_9.2\r\n", "not an answer"},
		{"HTTP/1.1 2xx OK\r\n\r\n", "invalid syntax"},
		{"HTTP/1.1 200 OK\r\n\r\nhello", "does not tell its length"},
		{"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "invalid syntax"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n", "invalid syntax"},
		{fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nh", bodyMax+1), "too large"},
	} {
		if _, _, body, _, err := answered(t, test.answer); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.60q: body %q, err %v, want %q in it", test.answer, body, err, test.want)
		}
	}
}
