package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// Who backups are for, and what opens them. A passphrase takes long to try, by
// design, so that one test alone uses one.
const (
	backupRecipient  = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
	backupIdentity   = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
	backupPassphrase = "a-long-passphrase-of-a-test"
)

// TestBackup backs a server up while it is called, restores the backup into an
// empty folder, and compares the books: the trail verifies, the ledger sums up,
// and once a server has started there, no credits are held and keys work.
func TestBackup(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { testBackup(t, func() string { return "" }) })
	t.Run("Postgres", func(t *testing.T) { testBackup(t, func() string { return storetest.PostgresURL(t) }) })
}

// testBackup has each of its houses on a new database.
func testBackup(t *testing.T, database func() string) {
	t.Parallel()
	h := openHouseOn(t, strings.Replace(mockConfig, "300ms", "30s", 2)+"credits: {starting: 1000000}\n", database())
	bundle := filepath.Join(h.dir, "backup.age")
	l := newLoad(h.account.APIKey)
	before := 0
	l.during(h.server.url, func() {
		h.fake.Wait(t, 50) // calls are well under way
		before = h.chainLength()
		h.command("backup", bundle, "--recipient", backupRecipient)
	})
	if l.begun < 50 {
		t.Fatalf("only %d calls were made", l.begun)
	}
	h.server.kill()
	if again, err := h.try("backup", bundle, "--recipient", backupRecipient); err == nil || !strings.Contains(again, "is there already") {
		t.Errorf("a second backup to the same file: %v %s", err, again)
	}
	checkSealed(t, h, bundle, database)

	// The other place: an empty folder, to which the operator brings the key alone.
	there := h.elsewhere("restored", database())
	if out, err := there.restore(bundle, backupIdentity); err != nil || !strings.Contains(out, "ok, ") {
		t.Fatalf("restore: %v:\n%s", err, out)
	}
	if out, err := there.restore(bundle, backupIdentity); err == nil || !strings.Contains(out, "is not empty") {
		t.Errorf("restoring again into what is in use now: %v\n%s", err, out)
	}
	there.command("audit", "verify")
	if n := there.chainLength(); n < before {
		t.Errorf("the restored trail has %d records, at the time of the backup it had %d", n, before)
	}
	there.start()
	if answer := there.chat(false, "hello"); answer.status != 200 {
		t.Errorf("the restored server answers %d %s", answer.status, answer.body)
	}
	if err := there.server.stop(); err != nil {
		t.Fatal(err)
	}
	there.command("audit", "verify")
	checkBooks(t, there.database(), h.account.OrgID)
}

// TestBackupOfAShortenedTrail backs up a trail of which the beginning was removed
// and to which content is kept, and restores both: the trail verifies, goes on,
// and the content opens.
func TestBackupOfAShortenedTrail(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { testShortenedBackup(t, func() string { return "" }) })
	t.Run("Postgres", func(t *testing.T) { testShortenedBackup(t, func() string { return storetest.PostgresURL(t) }) })
}

func testShortenedBackup(t *testing.T, database func() string) {
	t.Parallel()
	h := openHouseOn(t, mockConfig+"audit: {retention_days: 30, content: answer, content_days: 0}\n", database())
	if answer := h.chat(false, "hello"); answer.status != 200 {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	if err := h.server.stop(); err != nil {
		t.Fatal(err)
	}
	h.command("audit", "checkpoint")
	h.env["LATER"] = "40"
	h.command("audit", "prune")
	h.start()
	if answer := h.chat(false, "and again"); answer.status != 200 {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	h.command("audit", "checkpoint")
	h.command("audit", "hold", "on", "--reason", "a hold is restored too")
	tombstones := h.command("audit", "tombstones", "--json")
	bundle := filepath.Join(h.dir, "backup.age")
	h.command("backup", bundle, "--recipient", backupRecipient)
	h.server.kill()

	there := h.elsewhere("restored", database())
	if out, err := there.restore(bundle, backupIdentity); err != nil || !strings.Contains(out, "removed by retention (1 tombstones)") {
		t.Fatalf("restore: %v:\n%s", err, out)
	}
	if out := there.command("audit", "verify", "--content"); !strings.Contains(out, ", 1 contents") {
		t.Errorf("after the restore: %s", out)
	}
	if out := there.command("audit", "tombstones", "--json"); out != tombstones || !strings.Contains(out, `"first_seq": 1`) {
		t.Errorf("the tombstones are %s, they were %s", out, tombstones)
	}
	there.env["LATER"] = "90"
	if out := there.command("audit", "prune"); !strings.Contains(out, "a legal hold keeps everything") {
		t.Errorf("under the restored hold: %s", out)
	}
	there.command("audit", "hold", "off")
	if out := there.command("audit", "prune"); strings.Contains(out, "removed: 0") {
		t.Errorf("without it: %s", out)
	}
	if out := there.command("audit", "verify", "--content"); !strings.Contains(out, "(2 tombstones)") || strings.Contains(out, "contents") {
		t.Errorf("in the end: %s", out)
	}
}

// checkSealed looks for what must not be readable in the file, and opens it in
// ways in which it must not open.
func checkSealed(t *testing.T, h *house, bundle string, database func() string) {
	t.Helper()
	sealed, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(bundle); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has the mode %v, %v", info.Mode(), err)
	}
	if bytes.Contains(sealed, []byte("SQLite format")) {
		t.Error("the backup is not encrypted")
	}
	left, err := filepath.Glob(filepath.Join(h.env["SALLYPORT_DATA"], stagePrefix+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("the backup left %v behind", left)
	}
	for name, spoil := range map[string]func(there *house) []byte{
		"cut short":    func(*house) []byte { return sealed[:len(sealed)-100] },
		"one bit more": func(*house) []byte { b := bytes.Clone(sealed); b[len(b)/2] ^= 1; return b },
		"another master key": func(there *house) []byte {
			path := filepath.Join(there.env["SALLYPORT_DATA"], masterKeyFile)
			if err := os.WriteFile(path, []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return sealed
		},
	} {
		there := h.elsewhere(strings.ReplaceAll(name, " ", "-"), database())
		spoilt := filepath.Join(there.dir, "spoilt.age")
		if err := os.WriteFile(spoilt, spoil(there), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := there.restore(spoilt, backupIdentity); err == nil {
			t.Errorf("%s: the backup was restored:\n%s", name, out)
		}
		entries, err := os.ReadDir(there.env["SALLYPORT_DATA"])
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Name() != masterKeyFile && e.Name() != lockFile {
				t.Errorf("%s: %s was put in place", name, e.Name())
			}
		}
	}
}

// TestBackupPassphrase backs up under a passphrase, to standard output.
func TestBackupPassphrase(t *testing.T) {
	t.Parallel()
	h := openHouse(t, mockConfig)
	if out, err := h.try("backup", filepath.Join(h.dir, "b.age")); err == nil || !strings.Contains(out, "say who can open") {
		t.Errorf("a backup for nobody: %v %s", err, out)
	}
	h.env[passphraseVariable] = "short"
	if out, err := h.try("backup", filepath.Join(h.dir, "b.age")); err == nil || !strings.Contains(out, "shorter than") {
		t.Errorf("a backup under a short passphrase: %v %s", err, out)
	}
	h.env[passphraseVariable] = backupPassphrase
	sealed := h.command("backup", "-")
	there := h.elsewhere("restored", "")
	file := filepath.Join(there.dir, "b.age")
	if err := os.WriteFile(file, []byte(sealed), 0o600); err != nil {
		t.Fatal(err)
	}
	there.env[passphraseVariable] = "another-long-passphrase"
	if out, err := there.try("restore", file); err == nil {
		t.Errorf("another passphrase opens it: %s", out)
	}
	there.env[passphraseVariable] = backupPassphrase
	there.command("restore", file)
	there.command("audit", "verify")
}

// restore restores a backup into the house.
func (h *house) restore(bundle, identity string) (string, error) {
	h.t.Helper()
	file := filepath.Join(h.dir, "identity")
	if err := os.WriteFile(file, []byte(identity+"\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return h.try("restore", bundle, "--identity", file)
}

// elsewhere is a house beside this one, with its own data folder, the same
// master key in it, and a database of its own.
func (h *house) elsewhere(name, database string) *house {
	h.t.Helper()
	there := *h
	there.dir = filepath.Join(h.dir, name)
	there.server = nil
	there.env = make(map[string]string)
	for name, value := range h.env {
		there.env[name] = value
	}
	data := filepath.Join(there.dir, "data")
	there.env["SALLYPORT_DATA"], there.env["SALLYPORT_DATABASE"] = data, database
	if err := os.MkdirAll(data, 0o700); err != nil {
		h.t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(h.env["SALLYPORT_DATA"], masterKeyFile))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, masterKeyFile), key, 0o600); err != nil {
		h.t.Fatal(err)
	}
	return &there
}

// start starts the house's server.
func (h *house) start() {
	h.t.Helper()
	s, err := startServer(func(name string) string { return h.env[name] }, h.dir, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.server = s
	h.t.Cleanup(s.kill)
}

// chainLength is how many records the organisation's trail has now.
func (h *house) chainLength() int {
	h.t.Helper()
	db, err := store.Open(h.t.Context(), store.Options{URL: h.databaseURL()})
	if err != nil {
		h.t.Fatal(err)
	}
	seq, _, err := db.ChainHead(h.t.Context(), h.account.OrgID)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		h.t.Fatal(err)
	}
	return int(seq)
}
