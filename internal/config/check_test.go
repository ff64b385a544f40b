package config

import "testing"

// What is wrong is told in one order, that of the file's fields.
func TestCheckOrder(t *testing.T) {
	c := Config{Addr: "127.0.0.1:8080", TrustedProxies: []string{"a", "b"}, PrivateNetworks: []string{"c"}}
	want := []string{
		`trusted_proxies: "a" is neither an address nor a network such as 10.0.0.0/8`,
		`trusted_proxies: "b" is neither an address nor a network such as 10.0.0.0/8`,
		`private_networks: "c" is neither an address nor a network such as 10.0.0.0/8`,
	}
	for range 50 { // a map would begin with another field soon
		problems := c.checkListeners()
		if len(problems) != len(want) {
			t.Fatalf("got %v", problems)
		}
		for i, problem := range problems {
			if problem.Error() != want[i] {
				t.Fatalf("problem %d is %q, want %q", i, problem, want[i])
			}
		}
	}
}
