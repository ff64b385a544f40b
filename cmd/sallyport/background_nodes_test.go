package main

import (
	"encoding/json"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

// TestNodesBackground makes responses in the background whose provider says nothing.
// One is cancelled on another server than makes it, and the server of the other is
// told to stop: both end typed on every server, their provider's connection is closed,
// and each is charged once.
func TestNodesBackground(t *testing.T) {
	t.Parallel()
	c := openCluster(t, nodesConfig+"drain_time: 1s\n", clusterNodes)

	cancelled, sent := c.background(0, 1)
	if got := c.response(1, http.MethodGet, cancelled); got.Status != "in_progress" {
		t.Errorf("read on another server it is %+v", got)
	}
	if got := c.response(2, http.MethodPost, cancelled+"/cancel"); got.Status != "cancelled" {
		t.Errorf("cancelled it is %+v", got)
	}
	sent.WaitGone(t)
	c.waitClosed(time.Now(), readyTime, 0)
	for node := range clusterNodes {
		if got := c.response(node, http.MethodGet, cancelled); got.Status != "cancelled" {
			t.Errorf("on server %d it is %+v", node, got)
		}
	}

	stopped, sent := c.background(1, 2)
	if err := c.nodes[1].cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	sent.WaitGone(t)
	select {
	case <-c.nodes[1].exited:
	case <-time.After(stopMost):
		t.Fatalf("the server has not stopped after %s", stopMost)
	}
	if code := c.nodes[1].cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the server ended with code %d", code)
	}
	for _, node := range []int{0, 2} {
		if got := c.response(node, http.MethodGet, stopped); got.Status != "failed" || got.Error.Reason != sallyport.ServerStopping {
			t.Errorf("on server %d it is %+v", node, got)
		}
	}

	c.stop(0, 2)
	b := checkBooks(t, c.db, c.account.OrgID)
	ended := make(map[sallyport.Code]int)
	for _, r := range b.outcomes {
		ended[r.Code]++
	}
	if len(b.outcomes) != 2 || ended[sallyport.ClientClosed] != 1 || ended[sallyport.ServerStopping] != 1 {
		t.Errorf("the calls ended by %v, want one cancelled and one stopped", ended)
	}
}

// backgroundResponse is what these tests read of a response.
type backgroundResponse struct {
	ID, Status string
	Error      struct{ Reason sallyport.Code }
}

// background begins a response whose provider, asked for the n-th time, says nothing.
func (c *cluster) background(node, n int) (id string, sent *providertest.Request) {
	c.t.Helper()
	c.fake.Queue(providertest.Answer{Text: "never", Step: make(chan struct{})})
	got := c.responded(c.send(c.t.Context(), node, c.account.APIKey, http.MethodPost, "/v1/responses", `{"model":"mock-large","input":"go","background":true}`))
	if got.Status != "in_progress" {
		c.t.Fatalf("it began as %+v", got)
	}
	return got.ID, c.fake.Wait(c.t, n)
}

func (c *cluster) response(node int, method, path string) backgroundResponse {
	c.t.Helper()
	return c.responded(c.send(c.t.Context(), node, c.account.APIKey, method, "/v1/responses/"+path, ""))
}

func (c *cluster) responded(status int, body []byte, err error) (r backgroundResponse) {
	c.t.Helper()
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	if err != nil || status != http.StatusOK {
		c.t.Fatalf("got %d %s, %v", status, body, err)
	}
	return r
}
