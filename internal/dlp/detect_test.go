package dlp

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestEmail(t *testing.T) {
	for _, c := range [][2]string{
		{"write to ann.lee+x@mail.example.co.uk, please", "EMAIL_ADDRESS=ann.lee+x@mail.example.co.uk"},
		{"end of sentence ann@example.com.", "EMAIL_ADDRESS=ann@example.com"},
		{"<mailto:ann@example.com>", "EMAIL_ADDRESS=ann@example.com"},
		{"'ann@example.com'", "EMAIL_ADDRESS=ann@example.com"},
		{`line\nann@example.com\nline`, "EMAIL_ADDRESS=ann@example.com"},
		{"jürgen@müller.example", "EMAIL_ADDRESS=jürgen@müller.example"},
		{"用户@例子.公司", "EMAIL_ADDRESS=用户@例子.公司"},
		{"a@b.co and c@d.org", "EMAIL_ADDRESS=a@b.co | EMAIL_ADDRESS=c@d.org"},
		{"x@xn--p1ai.xn--p1ai", "EMAIL_ADDRESS=x@xn--p1ai.xn--p1ai"},
		{"npm i react@18.2.0 and @types/node@20", ""},
		{"icon@2x.png", ""},
		{"git@github.com:ann/repo.git", ""},
		{"@Override on a@ b", ""},
		{"ann@localhost", ""},
		{"a @ example.com", ""},
	} {
		check(t, c[0], c[1])
	}
}

func TestCard(t *testing.T) {
	for _, c := range [][2]string{
		{"pay with 4111111111111111 now", "CREDIT_CARD=4111111111111111"},
		{"pay with 4111 1111 1111 1111.", "CREDIT_CARD=4111 1111 1111 1111"},
		{"pay with 4111-1111-1111-1111,", "CREDIT_CARD=4111-1111-1111-1111"},
		{"amex 3782 822463 10005", "CREDIT_CARD=3782 822463 10005"},
		{"4111111111111111 5555555555554444", "CREDIT_CARD=4111111111111111 | CREDIT_CARD=5555555555554444"},
		{`{"pan":"6011111111111117"}`, "CREDIT_CARD=6011111111111117"},
		{"4111 1111 1111 1111 exp 12/27", "CREDIT_CARD=4111 1111 1111 1111"},
		{"pay with 4111111111111112 now", ""},
		{"41111111111111111111", ""},
		{"x4111111111111111", ""},
		{"0.4111111111111111", ""},
		{"4111111111111111.5", ""},
		{"id 550e8400-e29b-41d4-a716-501864667909", ""},
		{"at 1111111111111117 ns", ""},
		{"seed 4459239494808162889", ""},
		{"card no. 3590000000000000", "CREDIT_CARD=3590000000000000"},
	} {
		check(t, c[0], c[1])
	}
}

func TestIBAN(t *testing.T) {
	for _, c := range [][2]string{
		{"to GB82WEST12345698765432.", "IBAN_CODE=GB82WEST12345698765432"},
		{"to gb82west12345698765432", "IBAN_CODE=gb82west12345698765432"},
		{"to DE75 5121 0800 1245 1261 99 by Friday", "IBAN_CODE=DE75 5121 0800 1245 1261 99"},
		{"to FR7630006000011234567890189", "IBAN_CODE=FR7630006000011234567890189"},
		{"to GB82WEST12345698765433", ""},
		{"to GB82WEST1234569876543", ""},
		{"to XGB82WEST12345698765432", ""},
		{"to ZZ82WEST12345698765432", ""},
	} {
		check(t, c[0], c[1])
	}
}

func TestSSN(t *testing.T) {
	for _, c := range [][2]string{
		{"my number is 536-22-8726.", "US_SSN=536-22-8726"},
		{"ssn 536 22 8726", "US_SSN=536 22 8726"},
		{"SSN: 536228726", "US_SSN=536228726"},
		{`{"ssn":"536228726"}`, "US_SSN=536228726"},
		{"536228726", ""},
		{"000-22-8726", ""},
		{"666-22-8726", ""},
		{"900-22-8726", ""},
		{"536-00-8726", ""},
		{"536-22-0000", ""},
		{"5536-22-8726", ""},
		{"536-22-87261", ""},
		{"536-22-8726-11", ""},
	} {
		check(t, c[0], c[1])
	}
}

func TestPhone(t *testing.T) {
	for _, c := range [][2]string{
		{"call +1 (415) 555-0132 today", "PHONE_NUMBER=+1 (415) 555-0132"},
		{"(415) 555-0132", "PHONE_NUMBER=(415) 555-0132"},
		{"415-555-0132 x 42", "PHONE_NUMBER=415-555-0132 x 42"},
		{"415.555.0132", "PHONE_NUMBER=415.555.0132"},
		{"1-415-555-0132", "PHONE_NUMBER=1-415-555-0132"},
		{"+44 20 7946 0958", "PHONE_NUMBER=+44 20 7946 0958"},
		{"+44 (0)20 7946 0958", "PHONE_NUMBER=+44 (0)20 7946 0958"},
		{"+4915112345678", "PHONE_NUMBER=+4915112345678"},
		{"06 12 34 56 78", "PHONE_NUMBER=06 12 34 56 78"},
		{"30 0e 06 03 55 04 03 13 07", ""},
		{"{0.89634174, 0.322083981}", ""},
		{"0049 151 12345678", "PHONE_NUMBER=0049 151 12345678"},
		{"020-7946-0958", "PHONE_NUMBER=020-7946-0958"},
		{"phone: 4155550132", "PHONE_NUMBER=4155550132"},
		{"Tel. 7946 0958", "PHONE_NUMBER=7946 0958"},
		{"781 1704 (office)", "PHONE_NUMBER=781 1704"},
		{"on 2024-05-06 415-555-0132", "PHONE_NUMBER=415-555-0132"},
		{"4155550132", ""},
		{"on 2024-05-06 at 12:30:45", ""},
		{"06.05.2024 12:30", ""},
		{"2024-05-06T12:30:45.123456Z", ""},
		{"phone bill of 2024-05-06", ""},
		{"192.168.100.200", ""},
		{"version 1.22.333.4444", ""},
		{"order 415-555-0132", ""},
		{"order number 4155550132", ""},
		{"invoice #415-555-0132", ""},
		{"550e8400-e29b-41d4-a716-446655440000", ""},
		{"1,234,567,890 people", ""},
		{"1 000 000 000 people", ""},
		{"$1234567.89", ""},
		{"3.14159265358979", ""},
		{"5f3759df 0x1234567890", ""},
		{"+1 (415) 555", ""},
		{"lines 100-200, 300-4000", ""},
		{"timestamp 1712345678", ""},
		{"ISBN 978-3-16-148410-0", ""},
	} {
		check(t, c[0], c[1])
	}
}

// ruleSample makes a key that the rule finds.
func ruleSample(r rule) string {
	alphabet := mixed
	switch r.body {
	case hexLower, hexAny, hexDash:
		alphabet = hexes
	case upperNum, upperUnder:
		alphabet = upper
	case lowerNum:
		alphabet = base32Chars
	}
	n := r.min
	if n == 0 {
		n = 8
	}
	body := filler(n, alphabet)
	switch r.name {
	case "SALLYPORT_API_KEY":
		body = filler(16, base32Chars) + "-" + filler(43, mixed)
	case "SLACK_TOKEN":
		body = "123456789012-123456789012-" + filler(24, mixed)
	case "AUTHRESS_KEY":
		body = filler(30, mixed) + ".acc_" + filler(40, mixed)
	case "JWT":
		body = "hbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + filler(43, mixed)
	}
	return r.prefix + body
}

func TestRules(t *testing.T) {
	for _, r := range secretRules {
		t.Run(r.prefix, func(t *testing.T) {
			key := ruleSample(r)
			check(t, key, r.name+"="+key)
			check(t, "key="+key+"\nnext", r.name+"="+key)
			check(t, `{"k":"`+key+`"}`, r.name+"="+key)
			checkNot := func(text, find string) {
				t.Helper()
				if got := sayType(text); strings.Contains(got, find) {
					t.Errorf("Scan(%q): got %s", text, got)
				}
			}
			if isAlnum(r.prefix[0]) {
				checkNot("x"+key, "="+key) // inside a word
			}
			if r.min > 1 {
				checkNot(key[:len(r.prefix)+r.min/2], r.name) // too short
			}
			if x := strings.Repeat("x", r.min); !r.check(x) {
				checkNot(r.prefix+x, "=") // a filler
			}
			if r.max > 0 {
				checkNot(key+filler(r.max, mixed), r.name) // too long
			}
		})
	}
}

func TestRules_words(t *testing.T) {
	for _, text := range []string{
		"task-force sk-learn-is-a-long-name-of-a-package-for-learning",
		"the disk-usage and risk-assessment-of-the-year-2024 report",
		"AKIA is a prefix; AIzaShort; eyJ is one too; hf_hub_download(repo)",
		"gsk_ sp- xoxb- glpat- github_pat_",
		"eyJub3QganNvbg.eyJub3QganNvbg.c2lnbmF0dXJl",
		"live_update_of_the_page_while_it_is_shown_to_people_in_the_browser",
	} {
		check(t, text, "")
	}
}

func TestKeyBlock(t *testing.T) {
	body := filler(64, mixed) + "\n" + filler(40, mixed)
	block := func(label string) string {
		return "-----BEGIN " + label + "-----\n" + body + "\n-----END " + label + "-----"
	}
	for _, label := range []string{"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK"} {
		b := block(label)
		check(t, "before\n"+b+"\nafter", "PRIVATE_KEY="+b)
	}
	one := strings.ReplaceAll(block("PRIVATE KEY"), "\n", " ")
	check(t, "one line "+one+" after", "PRIVATE_KEY="+one)
	escaped := strings.ReplaceAll(block("PRIVATE KEY"), "\n", `\n`)
	check(t, `"private_key": "`+escaped+`\n",`, "PRIVATE_KEY="+escaped)
	ssh2 := "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n" + body + "\n---- END SSH2 ENCRYPTED PRIVATE KEY ----"
	check(t, ssh2+"\n", "PRIVATE_KEY="+ssh2)
	legacy := "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF\n\n" + body + "\n-----END RSA PRIVATE KEY-----"
	check(t, legacy, "PRIVATE_KEY="+legacy)
	open := "-----BEGIN PRIVATE KEY-----\n" + body + "\nand so on"
	check(t, "x\n"+open, "PRIVATE_KEY="+open)
	long := "-----BEGIN PRIVATE KEY-----\n" + filler(2*keyBlockMax, mixed)
	check(t, long, "PRIVATE_KEY="+long[:keyBlockMax])

	check(t, block("PUBLIC KEY"), "")
	check(t, block("CERTIFICATE"), "")
	check(t, "A file with `-----BEGIN PRIVATE KEY-----` holds a key. "+strings.Repeat("It is plain text that goes on. ", 20), "")
	check(t, "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----", "")
}

func TestURLPassword(t *testing.T) {
	check(t, "postgres://app:s3cr3t@db.internal:5432/x", "URL_PASSWORD=s3cr3t")
	check(t, "https://ann:p$ss@host.example/x", "URL_PASSWORD=p$ss")
	check(t, "https://ann@example.com/x", "EMAIL_ADDRESS=ann@example.com")
	check(t, "https://ann@example/x and https://example.com:8080/a@b", "")
}

func TestOverlap(t *testing.T) {
	t.Run("longest", func(t *testing.T) {
		check(t, "IBAN DE75 5121 0800 1245 1261 99", "IBAN_CODE=DE75 5121 0800 1245 1261 99")
	})
	t.Run("specific", func(t *testing.T) {
		key := "sk-ant-api03-" + filler(60, mixed)
		check(t, key, "ANTHROPIC_API_KEY="+key)
	})
	t.Run("chain", func(t *testing.T) {
		check(t, "aaaa@bb.cc@dddd.ee@ff.gg", "EMAIL_ADDRESS=bb.cc@dddd.ee")
	})
	t.Run("placeholder", func(t *testing.T) {
		check(t, "⟦PHONE_NUMBER:k7q2m9xw4tfa⟧ is no find", "")
	})
}

func TestScan_chain(t *testing.T) {
	text := strings.Repeat("4242 ", 10_000)
	end := 0
	for _, m := range New().Scan(text) {
		if m.Start > end+1 || m.Type != "CREDIT_CARD" {
			t.Fatalf("%+v after %d", m, end)
		}
		end = m.End
	}
	if end < len(text)-20 {
		t.Errorf("%d of %d bytes are hidden", end, len(text))
	}
}

// scanMax is far below the minutes of a detector that reads on from each of its
// triggers, and far above what a busy machine takes.
const scanMax = time.Minute

// Texts made to be slow.
func TestScan_linear(t *testing.T) {
	for _, part := range []string{
		"sk-", "sk-abcdefghijklmnop1-", "eyJ.", "xoxb-1-", "-----BEGIN PRIVATE KEY-----\n" + filler(20, mixed), "://a:b", "a@b.cc@", "a@b.cc",
		"4242 ", "4111 1111 ", "1 ", "+1 ", "⟦A:", "-----", "glpat-" + filler(300, mixed) + "-",
	} {
		text := strings.Repeat(part, 1<<20/len(part))
		start := time.Now()
		New().Scan(text)
		if took := time.Since(start); took > scanMax {
			t.Errorf("%.30q: %v for 1 MiB", part, took)
		}
	}
}

func TestTypes(t *testing.T) {
	seen := make(map[string]bool)
	for _, typ := range Types() {
		if typ.Name == "" || typ.Category == "" || seen[typ.Name] || len(typ.Name) > typeNameMax {
			t.Errorf("bad type %+v", typ)
		}
		seen[typ.Name] = true
	}
	for _, name := range []string{"EMAIL_ADDRESS", "PHONE_NUMBER", "US_SSN", "CREDIT_CARD", "IBAN_CODE", "PRIVATE_KEY"} {
		if !seen[name] {
			t.Error("no type", name)
		}
	}
}

func ExampleEngine_Scan() {
	text := "Write to ann@example.com."
	for _, m := range New().Scan(text) {
		fmt.Println(m.Type, m.Start, m.End)
	}
	// Output: EMAIL_ADDRESS 9 24
}
