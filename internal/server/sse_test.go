package server

import (
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		events := &sse{w: w, written: time.Now()}
		send := func() {
			if err := events.send(); err != nil {
				t.Fatal(err)
			}
		}
		send() // nothing to say, and too early for a ping
		for _, id := range []int64{0, 7} {
			if err := events.add(id, "text", map[string]string{"delta": "a\nb"}); err != nil {
				t.Fatal(err)
			}
		}
		send()
		time.Sleep(pingTime) // the bubble's clock
		send()
		const data = "event: text\ndata: {\"delta\":\"a\\nb\"}\n\n"
		if got, want := w.Body.String(), data+"id: 7\n"+data+": ping\n\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestEventPlace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		place EventPlace
		want  int64
	}{
		{EventPlace{}, 0},
		{EventPlace{After: 3}, 3},
		{EventPlace{After: 3, Last: "5"}, 5},
		{EventPlace{After: 3, Last: "0"}, 0},
		{EventPlace{After: 3, Last: "-1"}, 3},
		{EventPlace{After: 3, Last: "first"}, 3},
	} {
		if got := tt.place.from(); got != tt.want {
			t.Errorf("%+v: got %d, want %d", tt.place, got, tt.want)
		}
	}
}
