package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"
)

// conn is one caller's connection. It speaks HTTP/1.1 by hand, because the callers
// share the machine with what they measure: net/http's client would use more of it
// than the floor does. And it sees each chunk of a body alone, as it was flushed.
type conn struct {
	net    net.Conn
	in     *bufio.Reader
	closes bool // the server will close it
}

// Bounds of what a target may send.
const (
	lineMax = 32 << 10
	bodyMax = 64 << 20
)

func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, callTime)
	if err != nil {
		return nil, err
	}
	return &conn{net: c, in: bufio.NewReaderSize(c, lineMax)}, nil
}

func (c *conn) close() { _ = c.net.Close() } // there is nothing left to say

// sendPause is between two parts of a request, as on a network.
const sendPause = time.Millisecond

// exchange sends a request and reads its answer, whose body is appended to body.
// arrived is called each time there is more of it: with the first byte of any, and
// with each whole chunk of one that comes in chunks.
func (c *conn) exchange(request [][]byte, body []byte, arrived func(body []byte)) (status int, answer []byte, err error) {
	if err := c.net.SetDeadline(time.Now().Add(callTime)); err != nil {
		return 0, body, err
	}
	for i, part := range request {
		if i > 0 {
			time.Sleep(sendPause)
		}
		if _, err := c.net.Write(part); err != nil {
			return 0, body, err
		}
	}
	h, err := c.head()
	if err != nil {
		return 0, body, err
	}
	c.closes = h.closes
	if _, err := c.in.Peek(1); err != nil && h.length != 0 {
		return h.status, body, cut(err)
	}
	arrived(body)
	if !h.chunked {
		body, err = c.read(body, h.length)
		return h.status, body, err
	}
	for {
		size, err := c.chunkSize()
		if err != nil || size == 0 {
			return h.status, body, err
		}
		if body, err = c.read(body, size); err != nil {
			return h.status, body, err
		}
		if _, err := c.line(); err != nil {
			return h.status, body, err
		}
		arrived(body)
	}
}

// head is what the head of an answer says of its body.
type head struct {
	status  int
	length  int
	chunked bool
	closes  bool
}

func (c *conn) head() (h head, err error) {
	const version = "HTTP/1.1 "
	line, err := c.line()
	if err != nil {
		return h, err
	}
	if len(line) < len(version)+3 || string(line[:len(version)]) != version {
		return h, fmt.Errorf("not an answer: %.80q", line)
	}
	if h.status, err = strconv.Atoi(string(line[len(version) : len(version)+3])); err != nil {
		return h, err
	}
	h.length = -1
	for {
		line, err := c.line()
		if err != nil {
			return h, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if h.length, err = strconv.Atoi(string(value)); err != nil {
				return h, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			h.chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			h.closes = bytes.EqualFold(value, []byte("close"))
		}
	}
	if !h.chunked && h.length < 0 {
		return h, errors.New("the answer does not tell its length")
	}
	return h, nil
}

// chunkSize is 0 at the end of the body, behind which nothing is left to read.
func (c *conn) chunkSize() (int, error) {
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	size, err := strconv.ParseUint(string(line), 16, 32)
	if err != nil {
		return 0, err
	}
	for size == 0 && len(line) > 0 { // trailers, none as a rule
		if line, err = c.line(); err != nil {
			return 0, err
		}
	}
	return int(size), nil
}

// line is one line without its end, valid until the next read.
func (c *conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, cut(err)
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func (c *conn) read(body []byte, size int) ([]byte, error) {
	if size > bodyMax-len(body) {
		return body, errors.New("the answer is too large")
	}
	had := len(body)
	body = slices.Grow(body, size)[:had+size]
	n, err := io.ReadFull(c.in, body[had:])
	return body[:had+n], cut(err)
}

// errCut is an answer that ends too early: the connection was closed.
var errCut = errors.New("the answer is cut")

func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}
