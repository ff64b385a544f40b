package dlp

import (
	"strings"
	"testing"
)

// prose is chat text of an ordinary kind: sentences, some numbers, a list, a
// little code, a link.
var prose = strings.Repeat(`Sure! Here's a short overview of how the billing job works, and what to check when it is late.

The job starts at 02:30 every night and reads the last 24 hours of orders; in 2024 that was about 1,250 rows on
an average day. It groups them by customer, applies the discount table (see section 3.2), and writes one line per
invoice. If a customer has more than 100 orders, the lines are split - this is why you'll sometimes see two of them.

1. Look at the log first: most failures are time-outs, and a second try is enough.
2. If it says "lock not available", somebody else's report is probably still running. Wait for it, don't kill it.
3. For anything else, read https://wiki.example.com/billing/errors and ask the team.

    func total(lines []Line) (sum int64) {
        for _, l := range lines {
            sum += l.Amount * int64(l.Count)
        }
        return sum
    }

Please let me know whether that helps, or whether you would like a more detailed, step-by-step explanation of AI-based
forecasts. I'd also suggest adding an alert: it's cheap, and it saves everyone a bad morning.

`, 40)

func BenchmarkScanProse(b *testing.B) {
	e := New()
	if n := len(e.Scan(prose)); n != 0 {
		b.Fatalf("%d finds in plain prose", n)
	}
	b.SetBytes(int64(len(prose)))
	b.ReportAllocs()
	for b.Loop() {
		e.Scan(prose)
	}
}

func benchmarkPieces(b *testing.B, p Policy) {
	const size = 16
	s := newScreen(p)
	b.SetBytes(size)
	b.ReportAllocs()
	at := 0
	for b.Loop() {
		if _, err := s.Answer(textID, "", prose[at:at+size], false); err != nil {
			b.Fatal(err)
		}
		if at += size; at+size > len(prose) {
			at = 0
		}
	}
}

// BenchmarkAnswerPieces is one piece of 16 bytes of a streamed answer.
func BenchmarkAnswerPieces(b *testing.B) {
	b.Run("default", func(b *testing.B) { benchmarkPieces(b, DefaultPolicy()) })
	b.Run("all", func(b *testing.B) { benchmarkPieces(b, hideAll()) })
}

func BenchmarkNewScreen(b *testing.B) {
	p := DefaultPolicy()
	b.ReportAllocs()
	for b.Loop() {
		newScreen(p)
	}
}
