package main

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// floorMode and bareMode, with the provider's address, start this program as the
// floor, and as a proxy that does not even read the request first.
const (
	floorMode = "floor"
	bareMode  = "bare"
)

// newBare returns a reverse proxy and nothing else. It passes a request on while
// it comes in, and breaks some answers for it: the server closes the request's body
// when the answer has been passed on, and the transport, which may still look for
// the body's end, takes that for a failure and closes the connection.
func newBare(provider string) (http.Handler, error) {
	to, err := url.Parse(provider)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1, // each piece of a stream at once
		Transport: &http.Transport{
			DialContext:        (&net.Dialer{Timeout: callTime}).DialContext,
			MaxIdleConns:       connectionsMax,
			DisableCompression: true,
			// As many as there can be: to dial again would be the floor's largest cost.
			MaxIdleConnsPerHost: connectionsMax,
		},
		ErrorLog:   log.New(io.Discard, "", 0), // what breaks is counted by the callers
		BufferPool: &buffers{sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}},
	}, nil
}

const connectionsMax = 4096

// newFloor returns a bare reverse proxy that reads a request to its end before
// it passes it on, as anything must that judges requests.
func newFloor(provider string) (http.Handler, error) {
	proxy, err := newBare(provider)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
		if err != nil {
			http.Error(w, "the body is cut or too large", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		proxy.ServeHTTP(w, r)
	}), nil
}

// buffers are what the proxy copies answers through.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte  { return *b.pool.Get().(*[]byte) }
func (b *buffers) Put(p []byte) { b.pool.Put(&p) }
