package access

import (
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

// A text that would let through more than it says is not compiled.
func TestCompile_refused(t *testing.T) {
	const named = `@id("a") @reason("r") `
	for body, says := range map[string]string{
		`permit (principal, action, resource);`:                                         "needs @id and @reason",
		`@id("a") permit (principal, action == Action::"x", resource);`:                 "needs @id and @reason",
		named + `permit (principal, action, resource);`:                                 "one by one",
		named + `permit (principal, action in Action::"all", resource);`:                "one by one",
		named + `permit (principal, action == Role::"user", resource);`:                 "no action",
		named + `permit (principal, action == Action::"x", resource)`:                   "policies.cedar",
		strings.Repeat(named+`permit (principal, action == Action::"x", resource);`, 2): "two policies",
	} {
		if _, err := compile([]byte(body)); err == nil || !strings.Contains(err.Error(), says) && says != "policies.cedar" {
			t.Errorf("%s: got %v, want %q", body, err, says)
		}
	}
}

// A forbid that cannot be evaluated denies: it is not skipped.
func TestDecide_error(t *testing.T) {
	b, err := compile([]byte(`
		@id("all") @reason("r") permit (principal, action == Action::"x", resource);
		@id("broken") @reason("r") forbid (principal, action, resource) when { context.nothing };`))
	if err != nil {
		t.Fatal(err)
	}
	if d := b.decide(facts{action: "x", role: sallyport.RoleAdministrator}); d.Allowed || d.Policy != "broken" {
		t.Errorf("got %+v", d)
	}
}

// BenchmarkDecide is a decision that is asked for the first time.
func BenchmarkDecide(b *testing.B) {
	f := factsOf(Caller{Org: "o", User: "u", Role: sallyport.RoleUser}, UseModel, Resource{Org: "o", Name: "m"})
	b.ReportAllocs()
	for b.Loop() {
		if !compiled().decide(f).Allowed {
			b.Fatal("denied")
		}
	}
}
