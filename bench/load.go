package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// callTime bounds one call.
const callTime = 30 * time.Second

// client sends the calls of one scenario to one target, over connections of its own.
type client struct {
	target    target
	scenario  scenario
	transport *http.Transport
}

func newClient(t target, s scenario) *client {
	return &client{target: t, scenario: s, transport: &http.Transport{
		MaxIdleConnsPerHost: s.workers, DisableCompression: true,
	}}
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// load lets each worker call until d is over and its last answer is there, once
// at least. Calls that fail are counted; one of them makes it an error.
func (c *client) load(ctx context.Context, d time.Duration) (result, error) {
	begun := time.Now()
	each := make([]tally, c.scenario.workers)
	var workers sync.WaitGroup
	for i := range each {
		workers.Go(func() { each[i] = c.work(ctx, begun.Add(d)) })
	}
	workers.Wait()
	elapsed := time.Since(begun)
	var all tally
	for _, t := range each {
		all.timings = append(all.timings, t.timings...)
		all.failed += t.failed
		all.failure = cmp.Or(all.failure, t.failure)
	}
	if all.failed > 0 {
		return result{}, fmt.Errorf("%d of %d calls failed, one of them: %w", all.failed, all.failed+len(all.timings), all.failure)
	}
	return newResult(c.scenario.name, c.target.name, elapsed, all.timings), nil
}

// tally is what became of calls.
type tally struct {
	timings []timing // of those that were answered
	failed  int
	failure error // the first
}

// work is one worker.
func (c *client) work(ctx context.Context, until time.Time) (all tally) {
	buf := bufio.NewReaderSize(nil, 32<<10)
	for {
		t, err := c.call(ctx, buf)
		if err == nil {
			all.timings = append(all.timings, t)
		} else {
			all.failed++
			all.failure = cmp.Or(all.failure, err)
		}
		if !time.Now().Before(until) || ctx.Err() != nil {
			return all
		}
	}
}

// timing is when, since its start, a call had its first byte and its end.
type timing struct{ first, whole time.Duration }

// call makes one call and checks its answer.
func (c *client) call(ctx context.Context, buf *bufio.Reader) (timing, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	body, email := c.scenario.request()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.target.url+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return timing{}, err
	}
	r.Header.Set("Authorization", "Bearer "+c.target.key)
	r.Header.Set("Content-Type", "application/json")

	begun := time.Now()
	answer, err := c.transport.RoundTrip(r)
	if err != nil {
		return timing{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10)) // as much as there is
		return timing{}, fmt.Errorf("status %d: %s", answer.StatusCode, said)
	}
	buf.Reset(answer.Body)
	if _, err := buf.Peek(1); err != nil {
		return timing{}, fmt.Errorf("no answer: %w", err)
	}
	t := timing{first: time.Since(begun)}
	if c.scenario.chunks > 0 {
		err = checkStream(buf, c.scenario.chunks)
	} else {
		err = checkWhole(buf, email)
	}
	t.whole = time.Since(begun)
	return t, err
}

// checkWhole reads a plain answer. One to a prompt with an address must have it.
func checkWhole(r io.Reader, email string) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if !bytes.Contains(body, []byte(`"object":"chat.completion"`)) || !bytes.HasSuffix(bytes.TrimSpace(body), []byte("}")) {
		return errors.New("the answer is not a completion")
	}
	if email != "" && !strings.Contains(string(body), " "+email+" ") {
		return errors.New("the answer has lost the address")
	}
	return nil
}

// checkStream reads a stream, which must have each piece and its end.
func checkStream(r *bufio.Reader, chunks int) error {
	const more = 2 // the role in front, the reason of the end behind
	events, done := 0, false
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case bytes.HasPrefix(line, []byte("data: {")):
			events++
		case bytes.HasPrefix(line, []byte("data: [DONE]")):
			done = true
		case bytes.HasPrefix(line, []byte("event:")):
			return errors.New("the stream tells an error")
		}
		if err == nil {
			continue
		}
		if err != io.EOF {
			return err
		}
		if !done || events != chunks+more {
			return fmt.Errorf("the stream has %d events, want %d, and says it is done: %t", events, chunks+more, done)
		}
		return nil
	}
}
