package identity_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/identity"
)

func TestPassword(t *testing.T) {
	hash, err := identity.HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=4$") || strings.Contains(hash, "horse") {
		t.Errorf("hash %q is not in PHC form", hash)
	}
	for plain, want := range map[string]bool{
		"correct horse":             true,
		"correct horsf":             false,
		"":                          false,
		strings.Repeat("x", 10_000): false,
	} {
		if got, err := identity.CheckPassword(hash, plain); err != nil || got != want {
			t.Errorf("CheckPassword(%.20q) = %t, %v, want %t", plain, got, err, want)
		}
	}
	if again, _ := identity.HashPassword("correct horse"); again == hash {
		t.Error("two hashes of a password are equal: the salt is not random")
	}
	for _, plain := range []string{"", strings.Repeat("x", 1025)} {
		if _, err := identity.HashPassword(plain); err == nil {
			t.Errorf("a password of %d bytes was accepted", len(plain))
		}
	}
}

func TestCheckPasswordErrDamaged(t *testing.T) {
	for name, hash := range map[string]string{
		"empty":       "",
		"bcrypt":      "$2a$10$abcdefghijklmnopqrstuv",
		"version":     "$argon2id$v=18$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
		"no time":     "$argon2id$v=19$m=65536,t=0,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
		"all memory":  "$argon2id$v=19$m=4294967295,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
		"all time":    "$argon2id$v=19$m=65536,t=4294967295,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
		"no hash":     "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$",
		"not base64":  "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$****************************",
		"wrong parts": "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0",
	} {
		if ok, err := identity.CheckPassword(hash, "x"); ok || err == nil {
			t.Errorf("%s: CheckPassword = %t, %v, want an error", name, ok, err)
		}
	}
}

func TestNewPassword(t *testing.T) {
	form := regexp.MustCompile(`^[a-km-np-z2-9]{4}(-[a-km-np-z2-9]{4}){3}$`)
	seen := map[string]bool{}
	for range 1000 {
		p := identity.NewPassword()
		if !form.MatchString(p) || seen[p] {
			t.Fatalf("password %q is not of the form or came twice", p)
		}
		seen[p] = true
	}
}
