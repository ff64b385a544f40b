package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-ai/sallyport"
)

// A checkpoint is a signed note of three lines: the origin, which names the
// organisation, the number of records, and the root in base64. Public tools for
// transparency logs read it.

// origin names an organisation's trail in its checkpoints and keys.
func origin(org sallyport.OrgID) string { return "sallyport/" + string(org) }

// CheckpointKey signs the checkpoints of one organisation's trail.
type CheckpointKey struct {
	seed   []byte
	org    sallyport.OrgID
	Public string // name+hash+key: what verifies
}

// NewCheckpointKey makes the private half of a key: bytes to be kept secret.
func NewCheckpointKey() []byte {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed) // never fails
	return seed
}

// OpenCheckpointKey takes what NewCheckpointKey made.
func OpenCheckpointKey(org sallyport.OrgID, seed []byte) (CheckpointKey, error) {
	if len(seed) != ed25519.SeedSize {
		return CheckpointKey{}, errors.New("the key of the checkpoints is damaged")
	}
	public, _ := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	text, err := note.NewEd25519VerifierKey(origin(org), public)
	return CheckpointKey{seed: seed, org: org, Public: text}, err
}

// noteSigner is note.Signer.
type noteSigner struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s noteSigner) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// sign states that a trail has size records under the root.
func (k CheckpointKey) sign(size int64, root sallyport.Hash) ([]byte, error) {
	return k.note(fmt.Sprintf("%s\n%d\n%s\n", origin(k.org), size, tlog.Hash(root)))
}

// note signs a text.
func (k CheckpointKey) note(text string) ([]byte, error) {
	verifier, err := note.NewVerifier(k.Public)
	if err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: text}, noteSigner{verifier, ed25519.NewKeyFromSeed(k.seed)})
}

// Statement is what a checkpoint states.
type Statement struct {
	Origin string
	Size   int64
	Root   sallyport.Hash
}

var errNoKey = errors.New("the public key is none: it looks like sallyport/…+01234567+…")

// ReadCheckpoint checks a note's signature with a public key and returns what
// it states.
func ReadCheckpoint(text []byte, public string) (Statement, error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(public))
	if err != nil {
		return Statement{}, errNoKey
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return Statement{}, fmt.Errorf("it is not signed with the key %s", verifier.Name())
	}
	s, err := parseStatement(opened.Text)
	if err == nil && s.Origin != verifier.Name() {
		err = errors.New("it is of another trail than its key")
	}
	return s, err
}

func parseStatement(text string) (s Statement, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 {
		return s, errors.New("it has too few lines")
	}
	s.Origin = lines[0]
	if s.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || s.Size < 1 || strconv.FormatInt(s.Size, 10) != lines[1] {
		return s, errors.New("its second line is no number of records")
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != len(s.Root) {
		return s, errors.New("its third line is no root")
	}
	copy(s.Root[:], root)
	return s, nil
}
