package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

func TestProfileCPU(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	profile := filepath.Join(dir, "cpu.pprof")
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": dir,
		"SALLYPORT_DATA": filepath.Join(dir, "data"), "PROVIDER": providertest.New(t).URL,
	}
	serve := func() (*process, error) {
		return startServer(func(name string) string { return env[name] }, dir, []string{"--cpu-profile", profile})
	}

	server, err := serve()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.stop(); err != nil {
		server.kill()
		t.Fatal(err)
	}
	info, err := os.Stat(profile)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the profile has mode %o, want 600", info.Mode().Perm())
	}
	written, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(written, []byte{0x1f, 0x8b}) { // gzip, which is written at the end
		t.Errorf("the profile is not complete: %d bytes", len(written))
	}

	if server, err = serve(); err == nil {
		server.kill()
		t.Fatal("a profile was overwritten")
	}
	if !strings.Contains(err.Error(), "--cpu-profile") {
		t.Errorf("the refusal does not name the flag: %v", err)
	}
}
