package provider

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// read returns the events of a stream, as "name|data".
func read(r io.Reader) ([]string, error) {
	var events []string
	err := readEvents(r, func(name string, data []byte) error {
		events = append(events, name+"|"+string(data))
		return nil
	})
	return events, err
}

func TestReadEvents(t *testing.T) {
	for name, row := range map[string]struct {
		stream string
		want   []string
	}{
		"one":              {"data: x\n\n", []string{"|x"}},
		"named":            {"event: ping\ndata: {}\n\n", []string{"ping|{}"}},
		"name_after_data":  {"data: 1\nevent: e\n\n", []string{"e|1"}},
		"name_is_dropped":  {"event: e\n\ndata: 1\n\n", []string{"|1"}},
		"cr":               {"event: e\rdata: 1\r\rdata: 2\r\r", []string{"e|1", "|2"}},
		"crlf":             {"event: e\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", []string{"e|1", "|2"}},
		"mixed_ends":       {"data: 1\r\n\ndata: 2\n\r\ndata: 3\r\n\r", []string{"|1", "|2", "|3"}},
		"two_lines":        {"data: a\ndata: b\n\n", []string{"|a\nb"}},
		"empty_lines_kept": {"data\ndata: b\ndata\n\n", []string{"|\nb\n"}},
		"empty_is_none":    {"data\n\ndata:\n\ndata: \n\n", nil},
		"one_space_only":   {"data:  x\n\ndata:y\n\n", []string{"| x", "|y"}},
		"comment":          {": hi\ndata: 1\n:data: 2\n\n: \n\n", []string{"|1"}},
		"id_and_retry":     {"id: 7\nretry: 3\ndata: 1\n\n", []string{"|1"}},
		"unknown_field":    {"other: 1\ndata: 1\nDATA: 2\n data: 3\n\n", []string{"|1"}},
		"bom":              {"\ufeffdata: 1\n\ndata: \ufeff2\n\n", []string{"|1", "|\ufeff2"}},
		"bom_only_first":   {"\ndata: 1\n\n\ufeffdata: 2\n\n", []string{"|1"}},
		"colon_in_data":    {"data: a: b\n\n", []string{"|a: b"}},
		"end_without_line": {"data: 1\n\ndata: 2\n", []string{"|1"}},
		"end_in_line":      {"data: 1\n\ndata: 2", []string{"|1"}},
		"end_mark":         {"data: 1\n\ndata: [DONE]\n", []string{"|1", "|[DONE]"}},
		"end_mark_in_line": {"data: 1\n\ndata: [DONE]", []string{"|1", "|[DONE]"}},
		"nothing":          {"", nil},
		"nul":              {"data: \x00\n\n", []string{"|\x00"}},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, r := range map[string]io.Reader{
				"whole": strings.NewReader(row.stream),
				"bytes": iotest.OneByteReader(strings.NewReader(row.stream)),
				"eof":   iotest.DataErrReader(strings.NewReader(row.stream)),
			} {
				got, err := read(r)
				if err != nil || !slices.Equal(got, row.want) {
					t.Errorf("%s: got %q, %v; want %q", kind, got, err, row.want)
				}
			}
		})
	}
}

// TestReadEvents_at_once hands an event out when its blank line is there, also
// when that ends with a CR, without waiting for what comes next.
func TestReadEvents_at_once(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r\n"} {
		ours, theirs := io.Pipe()
		got := make(chan string)
		go func() {
			_ = readEvents(ours, func(_ string, data []byte) error {
				got <- string(data)
				return nil
			})
		}()
		for i := range 3 {
			_, _ = fmt.Fprintf(theirs, "data: %d%s", i, end)
			if text := <-got; text != fmt.Sprint(i) {
				t.Errorf("end %q: got %q, want %d", end, text, i)
			}
		}
		_ = theirs.Close()
	}
}

func TestReadEvents_bounded(t *testing.T) {
	for name, r := range map[string]io.Reader{
		"line":          endless("data: xxxxxxxx", "xxxxxxxx"),
		"comment":       endless(": ", "........"),
		"name":          endless("event: ", "........"),
		"lines_of_data": endless("", "data: 0123456789\n"),
		"empty_lines":   endless("data: a\n", "data\n"),
	} {
		t.Run(name, func(t *testing.T) {
			counted := &counter{r: r}
			if events, err := read(counted); !errors.Is(err, errEventTooLong) || events != nil {
				t.Errorf("got %d events and %v, want %v", len(events), err, errEventTooLong)
			}
			if counted.n > 64<<20 {
				t.Errorf("%d bytes were read before the bound was found", counted.n)
			}
		})
	}
	long := strings.Repeat("x", eventMax-100)
	if events, err := read(strings.NewReader("data: " + long + "\n\n")); err != nil || len(events) != 1 || len(events[0]) != len(long)+1 {
		t.Errorf("an event below the bound: got %d events, %v", len(events), err)
	}
}

// endless reads first, then more for ever.
func endless(first, more string) io.Reader {
	return io.MultiReader(strings.NewReader(first), repeater(strings.Repeat(more, 4096)))
}

type repeater string

func (r repeater) Read(p []byte) (int, error) { return copy(p, r), nil }

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func TestReadEvents_errors(t *testing.T) {
	broken := errors.New("broken")
	got, err := read(io.MultiReader(strings.NewReader("data: 1\n\ndata: 2\n"), iotest.ErrReader(broken)))
	if err != broken || !slices.Equal(got, []string{"|1"}) {
		t.Errorf("a reader's error: got %q, %v", got, err)
	}
	calls := 0
	err = readEvents(strings.NewReader("data: 1\n\ndata: 2\n\n"), func(string, []byte) error {
		calls++
		return broken
	})
	if err != broken || calls != 1 {
		t.Errorf("an error of f: got %v after %d calls", err, calls)
	}
	if _, err := read(idle{}); err != io.ErrNoProgress {
		t.Errorf("a reader that gives nothing: got %v", err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// FuzzEvents compares with a reader that is as simple as the rules, and with
// itself when the stream comes in other pieces.
func FuzzEvents(f *testing.F) {
	for _, s := range []string{
		"data: x\n\n", "event: a\r\ndata: 1\r\n\r\n", "\ufeffdata\n\n", ":c\rdata:1\rdata: 2\r\r", "data: 1\n\n\r\rdata", "event\ndata:\n\ndata: \n\n",
	} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		want := simple(stream)
		got, err := read(bytes.NewReader(stream))
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q: got %q, %v; want %q", stream, got, err, want)
		}
		cut := &cutter{stream, rand.New(rand.NewPCG(seed, 0))}
		if got, err := read(cut); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q in pieces: got %q, %v; want %q", stream, got, err, want)
		}
	})
}

// simple follows the text of the rules.
func simple(stream []byte) (events []string) {
	text := strings.TrimPrefix(string(stream), "\ufeff")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(text, "\n")
	name, data := "", ""
	for _, line := range lines[:len(lines)-1] {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if data != "" && data != "\n" {
				events = append(events, name+"|"+strings.TrimSuffix(data, "\n"))
			}
			name, data = "", ""
		case field == "data":
			data += value + "\n"
		case field == "event":
			name = value
		}
	}
	return events
}

type cutter struct {
	rest []byte
	r    *rand.Rand
}

func (c *cutter) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1+c.r.IntN(5))], c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// BenchmarkReadEvents reads chunks of the size that providers send.
func BenchmarkReadEvents(b *testing.B) {
	stream := strings.Repeat("data: "+strings.Repeat("x", 250)+"\n\n", 1000)
	r := strings.NewReader(stream)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(stream)
		if err := readEvents(r, func(string, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
