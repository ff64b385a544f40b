package backup

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
)

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestRoundTrip(t *testing.T) {
	id := identity(t)
	source := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(source, []byte("what is kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	var bundle bytes.Buffer
	w, err := Create(&bundle, Manifest{Program: "v1", Database: SQLite}, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add("files/deep/a", source); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m, err := Extract(bytes.NewReader(bundle.Bytes()), dir, id)
	if err != nil || m.Program != "v1" || m.Database != SQLite || m.Format != Format {
		t.Fatalf("manifest %+v, %v", m, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "files", "deep", "a")); err != nil || string(text) != "what is kept" {
		t.Errorf("got %q, %v", text, err)
	}
	for cut := range bundle.Len() {
		if _, err := Extract(bytes.NewReader(bundle.Bytes()[:cut]), t.TempDir(), id); err == nil {
			t.Errorf("the first %d of %d bytes pass for a backup", cut, bundle.Len())
		}
	}
}

// Whoever makes a bundle must not be able to write beside the folder.
func TestExtractStaysInside(t *testing.T) {
	for name, kind := range map[string]byte{
		"../out": tar.TypeReg, "/tmp/out": tar.TypeReg, "a/../../out": tar.TypeReg,
		"link": tar.TypeSymlink, "device": tar.TypeChar, "hard": tar.TypeLink,
	} {
		id := identity(t)
		var bundle bytes.Buffer
		w, err := Create(&bundle, Manifest{}, id.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		if err := w.tar.WriteHeader(&tar.Header{Name: name, Typeflag: kind, Linkname: "/etc/passwd"}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Extract(&bundle, t.TempDir(), id); err == nil || !strings.Contains(err.Error(), "no file of ours") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNotOurs(t *testing.T) {
	id := identity(t)
	var file bytes.Buffer
	w, err := age.Encrypt(&file, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, strings.Repeat("anything", 1000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Extract(&file, t.TempDir(), id); err == nil {
		t.Error("any file passes for a backup")
	}
}

func TestOrder(t *testing.T) {
	got := inOrder([]string{"a", "b", "c", "d"}, map[string][]string{"a": {"c"}, "c": {"d"}, "b": {"a"}})
	if want := []string{"d", "c", "a", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
