package identity

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// How passwords are hashed now: argon2id with the second recommended option of
// RFC 9106, section 4. A stored hash names its own numbers, so these can be
// raised without making old passwords useless.
const (
	argonTime    = 3
	argonMemory  = 64 * 1024 // KiB
	argonThreads = 4
	argonSalt    = 16
	argonHash    = 32
)

// What a stored hash may ask of us, so that a damaged row cannot take all memory or time.
const (
	argonTimeMax   = 16
	argonMemoryMax = 1024 * 1024 // KiB
	// passwordMax bounds the bytes of a password: argon2 would read any length.
	passwordMax = 1024
)

// HashPassword returns the argon2id hash of a password in PHC form,
// "$argon2id$v=19$m=65536,t=3,p=4$salt$hash".
func HashPassword(plain string) (string, error) {
	if plain == "" || len(plain) > passwordMax {
		return "", fmt.Errorf("a password has 1 to %d bytes", passwordMax)
	}
	salt := random(argonSalt)
	hash := argon2.IDKey([]byte(plain), salt, argonTime, argonMemory, argonThreads, argonHash)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(hash)), nil
}

// CheckPassword says whether plain is the password of hash, in a time that does
// not depend on how much of it is right. A hash that cannot be read is an error.
func CheckPassword(hash, plain string) (bool, error) {
	p, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	if len(plain) > passwordMax {
		return false, nil
	}
	got := argon2.IDKey([]byte(plain), p.salt, p.time, p.memory, p.threads, uint32(len(p.hash)))
	return subtle.ConstantTimeCompare(got, p.hash) == 1, nil
}

type phc struct {
	time, memory uint32
	threads      uint8
	salt, hash   []byte
}

// errPHC does not quote the hash.
var errPHC = errors.New("the stored password hash is damaged: set the password again with 'sallyport user reset-password'")

func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$") // "", "argon2id", "v=19", numbers, salt, hash
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, errPHC
	}
	var p phc
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); n != 3 || err != nil {
		return phc{}, errPHC
	}
	var errSalt, errHash error
	p.salt, errSalt = base64.RawStdEncoding.DecodeString(parts[4])
	p.hash, errHash = base64.RawStdEncoding.DecodeString(parts[5])
	switch {
	case errSalt != nil, errHash != nil,
		p.time < 1, p.time > argonTimeMax, p.memory < 8*uint32(p.threads), p.memory > argonMemoryMax, p.threads < 1,
		len(p.salt) < 8, len(p.hash) < 16:
		return phc{}, errPHC
	}
	return p, nil
}

// A new password is written in groups, without characters that look alike.
const (
	passwordAlphabet = "abcdefghijkmnpqrstuvwxyz23456789" // 32 of them: 5 bits each
	passwordChars    = 16                                 // 80 bits
	passwordGroup    = 4
)

// NewPassword returns a random password of 80 bits that a person can read and
// type, such as "k7mq-2wxp-9hte-bv4n".
func NewPassword() string {
	var b strings.Builder
	for i, r := range random(passwordChars) {
		if i > 0 && i%passwordGroup == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(passwordAlphabet[int(r)%len(passwordAlphabet)]) // 256 is a multiple of 32: no character is likelier
	}
	return b.String()
}
