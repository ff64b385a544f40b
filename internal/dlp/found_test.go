package dlp

import (
	"slices"
	"testing"
)

func TestFind(t *testing.T) {
	got := New().Find("AKIAQX3RZP7VTY2WM6LD of ann@example.com")
	want := []Found{{0, 20, TypeSecret, "AWS_ACCESS_KEY_ID"}, {24, 39, "EMAIL_ADDRESS", ""}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := New().Find("nothing"); got == nil || len(got) != 0 {
		t.Errorf("got %v, want an empty list", got)
	}
}
