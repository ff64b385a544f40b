package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func serve(t *testing.T, h http.Handler) target {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return target{name: direct, addr: server.Listener.Addr().String()}
}

// once sends one call of each of a few callers.
func once(to target, s scenario) tally {
	s.calls = 1
	s.callers = min(s.callers, 3)
	s.answer.latency, s.answer.gap = min(s.answer.latency, time.Millisecond), min(s.answer.gap, time.Millisecond)
	return load(context.Background(), to, s, 0, 0)
}

func named(t *testing.T, name string) scenario {
	t.Helper()
	i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
	if i < 0 {
		t.Fatalf("there is no scenario %q", name)
	}
	return scenarios[i]
}

func TestLoad(t *testing.T) {
	provider := serve(t, newMock())
	proxy, err := newFloor("http://" + provider.addr)
	if err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]target{direct: provider, floor: serve(t, proxy)} {
		for _, s := range scenarios {
			t.Run(name+"/"+s.name, func(t *testing.T) {
				all := once(to, s)
				want := min(s.callers, 3)
				if all.failed > 0 || all.answers != want || all.finished != want || len(all.first) != want || len(all.whole) != want {
					t.Fatalf("%d failed (%v), %d answers, %d finished, %d and %d times; want %d of each",
						all.failed, all.failure, all.answers, all.finished, len(all.first), len(all.whole), want)
				}
				if all.first[0] <= 0 || all.whole[0] < all.first[0] {
					t.Errorf("first byte after %v, end after %v", all.first[0], all.whole[0])
				}
				gaps := 0
				if s.answer.gap > 0 {
					gaps = want * (s.answer.chunks - 1)
				}
				if len(all.gaps) != gaps {
					t.Errorf("%d gaps, want %d", len(all.gaps), gaps)
				}
				if name == direct && all.pieces != want*s.answer.chunks {
					t.Errorf("%d pieces, want %d: the mock sends each alone", all.pieces, want*s.answer.chunks)
				}
			})
		}
	}
}

// The load goes on until its time is over, over the same connections.
func TestLoadForATime(t *testing.T) {
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(newMock())
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	s := named(t, plainSmall)
	s.callers = 2
	const warm, d = 50 * time.Millisecond, 100 * time.Millisecond
	begun := time.Now()
	all := load(t.Context(), target{addr: server.Listener.Addr().String()}, s, warm, d)
	if took := time.Since(begun); took < warm+d || all.elapsed != d {
		t.Errorf("it took %v and measured %v, want at least %v and %v", took, all.elapsed, warm+d, d)
	}
	if all.failed > 0 || all.finished == 0 || all.finished >= all.answers || len(all.whole) >= all.answers {
		t.Errorf("%d failed (%v), %d of %d answers within the time, %d times", all.failed, all.failure, all.finished, all.answers, len(all.whole))
	}
	if opened.Load() != int64(s.callers) {
		t.Errorf("%d connections, want %d", opened.Load(), s.callers)
	}
}

// edited serves the mock's answers with a change, and as few chunks as can be.
func edited(status int, from, to string) http.Handler {
	mock := newMock()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		right := httptest.NewRecorder()
		mock.ServeHTTP(right, r)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.Replace(right.Body.String(), from, to, 1))
	})
}

// Pieces that were merged on the way are seen.
func TestLoadMerged(t *testing.T) {
	s := named(t, streamAlone)
	all := once(serve(t, edited(200, "", "")), s)
	if all.failed > 0 || all.pieces == 0 || all.pieces >= s.answer.chunks {
		t.Errorf("%d failed (%v), %d pieces, want some, and fewer than %d", all.failed, all.failure, all.pieces, s.answer.chunks)
	}
}

// Whatever is wrong with an answer makes it a failed call.
func TestLoadErrors(t *testing.T) {
	for _, c := range []struct {
		name     string
		scenario string
		provider http.Handler
		want     string
	}{
		{"status", plainSmall, edited(502, "", ""), "status 502"},
		{"no completion", plainSmall, edited(200, "chat.completion", "chat"), "not a completion"},
		{"cut", plainSmall, edited(200, "}}", ""), "not a completion"},
		{"address changed", plainEmail, edited(200, "@mail", "@post"), "lost the address"},
		{"an event lost", streamAlone, edited(200, "data: {", "dada: {"), "202 events, want 203"},
		{"a text lost", streamAlone, edited(200, pieceOfText, ""), "with text 199, want 200"},
		{"no end", streamAlone, edited(200, "[DONE]", "[GONE]"), "says it is done: false"},
		{"an error", streamAlone, edited(200, "data: [DONE]", "event: error"), "tells an error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := named(t, c.scenario)
			all := once(serve(t, c.provider), s)
			if all.answers > 0 || all.failed != min(s.callers, 3) || !strings.Contains(all.failure.Error(), c.want) {
				t.Errorf("%d answers, %d failed, the first with %v, want %q in it", all.answers, all.failed, all.failure, c.want)
			}
		})
	}
}

// The mock finds out when the gateway lets an address through.
func TestMockSeesAddress(t *testing.T) {
	provider := serve(t, newMock())
	provider.key = gatewayCredential
	all := once(provider, named(t, plainEmail))
	if all.failure == nil || !strings.Contains(all.failure.Error(), "an address came through") {
		t.Errorf("failure = %v, want one about the address", all.failure)
	}
}

// The mock's answer to a request is there before the request is.
func TestMockAnswersEarly(t *testing.T) {
	provider := serve(t, newMock())
	c, err := dial(provider.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	whole := named(t, plainEarly).request(provider, 0).bytes
	status, body, err := c.exchange([][]byte{whole[:len(whole)/2]}, nil, func([]byte) {})
	if err != nil || status != http.StatusOK || checkWhole(body, nil, scenario{}.answerMarks()) != nil {
		t.Errorf("half a request was answered with %d %.100q, %v", status, body, err)
	}
}

// bareTries is how often TestBare calls: a bare proxy breaks some answers, which is
// what it is for, but hardly ever so many in a row.
const bareTries = 20

// A bare proxy serves, as long as the provider reads requests first. What it breaks,
// it cuts.
func TestBare(t *testing.T) {
	proxy, err := newBare("http://" + serve(t, newMock()).addr)
	if err != nil {
		t.Fatal(err)
	}
	to := serve(t, proxy)
	for range bareTries {
		all := once(to, named(t, streamAlone))
		if all.answers == 1 {
			return
		}
		if !errors.Is(all.failure, errCut) {
			t.Fatalf("%d answers, %v, want 1", all.answers, all.failure)
		}
	}
	t.Errorf("all of %d answers are cut", bareTries)
}
