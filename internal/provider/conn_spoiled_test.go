package provider

import (
	"errors"
	"net"
	"testing"
)

// What came before a request began is no answer to it: the request goes out on
// another connection, and this one serves none.
func TestConn_strayed(t *testing.T) {
	c := &conn{Conn: &quickSide{}}
	for range 2 {
		c.begin()
		c.answer() // there was more behind the answer before
		if _, err := c.Write([]byte("the request")); !errors.Is(err, errSpoiled) || !c.strayed() || !c.unsent() {
			t.Errorf("the request: %v, strayed %t, unsent %t", err, c.strayed(), c.unsent())
		}
	}
}

// quickSide is a connection whose other side answers while part n of a request is
// being written, the first being 1.
type quickSide struct {
	net.Conn
	n       int
	written int
	answer  func()
}

func (s *quickSide) Write(p []byte) (int, error) {
	if s.written++; s.written == s.n {
		s.answer()
	}
	return len(p), nil
}

// A quick provider's answer to a request that went out in one part is there before
// the write returns, and its connection serves the next request. Behind an answer
// to half a request there is no next one.
func TestConn_spoiled(t *testing.T) {
	for _, row := range []struct {
		name       string
		parts      int
		answeredAt int
		spoiled    bool
	}{
		{"one part, answered at once", 1, 1, false},
		{"two parts, answered after the second", 2, 0, false},
		{"two parts, answered after the first", 2, 1, true},
		{"two parts, answered during the second", 2, 2, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			side := &quickSide{n: row.answeredAt}
			c := &conn{Conn: side}
			side.answer = c.answer
			c.begin()
			for range row.parts {
				if _, err := c.Write([]byte("part")); err != nil {
					t.Fatal(err)
				}
			}
			c.answer()
			c.begin()
			_, err := c.Write([]byte("the next request"))
			if spoiled := errors.Is(err, errSpoiled); spoiled != row.spoiled {
				t.Errorf("the next request: %v, spoiled %t, want %t", err, spoiled, row.spoiled)
			}
		})
	}
}
