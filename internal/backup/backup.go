// Package backup makes one encrypted file of an installation, and an
// installation of such a file.
//
// A bundle is a tar archive encrypted with age, for recipients or under a
// passphrase. Its first entry is the manifest, then come the databases and
// files. The master key is never in it: who finds a bundle and its passphrase
// still cannot read what is sealed, and who restores brings the key.
//
// What is in a bundle is of one moment for each database, while others write:
// SQLite copies a snapshot, Postgres is read in one transaction. A bundle that
// was cut short does not open: age authenticates its end. Nothing is put in
// place before the whole bundle was read.
package backup

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
)

// Format is the version of bundles that this package writes and reads.
const Format = 1

// The databases that a bundle can be of.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Manifest says what a bundle holds.
type Manifest struct {
	Format   int       `json:"format"`
	Program  string    `json:"program"` // version that made it
	Made     time.Time `json:"made"`
	Database string    `json:"database"`
	// Schema and Tables are of a Postgres bundle: the version of its tables, and
	// their rows, in an order in which they can be written.
	Schema int64   `json:"schema,omitempty"`
	Tables []Table `json:"tables,omitempty"`
}

// Table is the columns of one table, in the order of its rows' values.
type Table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

const (
	manifestName = "manifest.json"
	manifestMax  = 1 << 20
	fileMode     = 0o600
	dirMode      = 0o700
)

// Writer writes a bundle.
type Writer struct {
	sealed io.WriteCloser
	tar    *tar.Writer
	made   time.Time
}

// Create begins a bundle for the recipients.
func Create(w io.Writer, m Manifest, to ...age.Recipient) (*Writer, error) {
	sealed, err := age.Encrypt(w, to...)
	if err != nil {
		return nil, err
	}
	m.Format = Format
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	b := &Writer{sealed: sealed, tar: tar.NewWriter(sealed), made: m.Made}
	if err := b.header(manifestName, int64(len(text))); err != nil {
		return nil, err
	}
	_, err = b.tar.Write(text)
	return b, err
}

func (b *Writer) header(name string, size int64) error {
	return b.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: filepath.ToSlash(name), Size: size, Mode: fileMode, ModTime: b.made, Format: tar.FormatPAX,
	})
}

// Add puts the file at path into the bundle, as long as it is now: what is
// appended meanwhile is left out.
func (b *Writer) Add(name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := b.header(name, info.Size()); err != nil {
		return err
	}
	if _, err := io.CopyN(b.tar, f, info.Size()); err != nil {
		return fmt.Errorf("put %s into the backup: %w", name, err)
	}
	return nil
}

// Close ends the bundle. Without it the bundle does not open.
func (b *Writer) Close() error { return errors.Join(b.tar.Close(), b.sealed.Close()) }

// Extract writes what a bundle holds into dir, which should be empty.
func Extract(r io.Reader, dir string, with ...age.Identity) (Manifest, error) {
	var m Manifest
	plain, err := age.Decrypt(r, with...)
	if err != nil {
		return m, fmt.Errorf("open the backup: %w", err)
	}
	archive := tar.NewReader(plain)
	if m, err = readManifest(archive); err != nil {
		return m, err
	}
	for {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return m, fmt.Errorf("read the backup: %w", err)
		}
		if err := extract(archive, entry, dir); err != nil {
			return m, err
		}
	}
	// The archive's end is not the file's: only there age says that all is there.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return m, fmt.Errorf("read the backup: %w", err)
	}
	return m, nil
}

func readManifest(archive *tar.Reader) (m Manifest, err error) {
	entry, err := archive.Next()
	if err != nil {
		return m, fmt.Errorf("read the backup: %w", err)
	}
	if entry.Name != manifestName {
		return m, errors.New("this is no backup of Sallyport: it does not begin with a manifest")
	}
	if err := json.NewDecoder(io.LimitReader(archive, manifestMax)).Decode(&m); err != nil {
		return m, fmt.Errorf("read the backup's manifest: %w", err)
	}
	if m.Format != Format {
		return m, fmt.Errorf("the backup has format %d, this program reads %d: use the program that made it, %s", m.Format, Format, m.Program)
	}
	return m, nil
}

func extract(archive *tar.Reader, entry *tar.Header, dir string) error {
	name := filepath.FromSlash(entry.Name)
	if entry.Typeflag != tar.TypeReg || !filepath.IsLocal(name) {
		return fmt.Errorf("the backup holds %q, which is no file of ours", entry.Name)
	}
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, archive)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("restore %s: %w", entry.Name, err)
	}
	return nil
}
