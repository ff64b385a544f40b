package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sallyport-ai/sallyport"
)

func export(t testing.TB, records []sallyport.StoredRecord) []byte {
	t.Helper()
	var out bytes.Buffer
	lines, err := Export(&out, source(records))
	if err != nil || lines != int64(len(records)) {
		t.Fatalf("exported %d of %d lines: %v", lines, len(records), err)
	}
	return out.Bytes()
}

func verifyExport(t testing.TB, text []byte, head Head) Report {
	t.Helper()
	report, err := Verify(ReadExport(bytes.NewReader(text)), head)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestExport(t *testing.T) {
	records := chain(t, 1)
	want := fmt.Sprintf(`{"seq":1,"prev_hash":"%s","hash":"%x","record":%s}`+"\n",
		strings.Repeat("0", 64), records[0].Hash, records[0].Body)
	if got := string(export(t, records)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestExport_round_trip(t *testing.T) {
	for _, n := range []int{0, 1, 7, 300} {
		records := chain(t, n)
		text := export(t, records)
		i := 0
		for got, err := range ReadExport(iotest.OneByteReader(bytes.NewReader(text))) {
			if err != nil {
				t.Fatal(err)
			}
			want := records[i]
			if got.Seq != want.Seq || got.Prev != want.Prev || got.Hash != want.Hash || !bytes.Equal(got.Body, want.Body) {
				t.Fatalf("record %d: got %+v, want %+v", i+1, got, want)
			}
			i++
		}
		if i != n {
			t.Errorf("%d of %d records came back", i, n)
		}
		if report := verifyExport(t, text, headOf(records)); report.Bad != nil || report.Records != int64(n) {
			t.Errorf("%d records: got %+v", n, report)
		}
	}
}

func TestExport_leaves_the_source_out(t *testing.T) {
	if text := export(t, chain(t, 4)); bytes.Contains(text, []byte("192.0.2.7")) || bytes.Contains(text, []byte("curl")) {
		t.Errorf("the export has what is kept apart from the chain: %s", text)
	}
}

// Whatever happens to one byte of an export, the record it belongs to is named.
func TestReadExport_every_edited_byte(t *testing.T) {
	records := chain(t, 3)
	text, head := export(t, records), headOf(records)
	for at := range text {
		seq := int64(1 + bytes.Count(text[:at], []byte("\n")))
		for _, with := range []byte{text[at] ^ 1, text[at] ^ 0x20, text[at] ^ 0x80, ' ', '\n', 0} {
			if with == text[at] {
				continue
			}
			edited := bytes.Clone(text)
			edited[at] = with
			wantBad(t, fmt.Sprintf("byte %d is %q", at, with), verifyExport(t, edited, head), seq, "")
		}
		wantBad(t, fmt.Sprintf("byte %d is gone", at),
			verifyExport(t, slices.Delete(bytes.Clone(text), at, at+1), head), seq, "")
		wantBad(t, fmt.Sprintf("a space before byte %d", at),
			verifyExport(t, slices.Insert(bytes.Clone(text), at, ' '), head), seq, "")
		wantBad(t, fmt.Sprintf("cut at byte %d", at), verifyExport(t, text[:at], head), seq, "")
	}
}

func TestReadExport_unknown_head(t *testing.T) {
	text := export(t, chain(t, 3))
	lines := bytes.SplitAfter(text, []byte("\n"))
	if report := verifyExport(t, bytes.Join(lines[:2], nil), Head{}); report.Bad != nil || report.Last != 2 {
		t.Errorf("got %+v; without a head the end cannot be judged", report)
	}
	wantBad(t, "the first line is gone", verifyExport(t, bytes.Join(lines[1:], nil), Head{}), 1, BadGap)
}

// A chain that is broken in the database can be exported, and is as broken there.
func TestExport_damaged(t *testing.T) {
	for _, body := range []string{"", "not JSON", `{"org_seq":2}` + "\n", "{\n}", `"text"`, "{\"a\":\"\xff\"}", "{\r}"} {
		records := chain(t, 3)
		records[1].Body = []byte(body)
		text := export(t, records)
		if lines := bytes.Count(text, []byte("\n")); lines != 3 {
			t.Errorf("%q: %d lines for 3 records", body, lines)
		}
		wantBad(t, fmt.Sprintf("%q", body), verifyExport(t, text, headOf(records)), 2, BadHash)
	}
}

func TestExport_stops_at_an_error(t *testing.T) {
	broken := errors.New("disk on fire")
	var out bytes.Buffer
	lines, err := Export(&out, func(yield func(sallyport.StoredRecord, error) bool) {
		_ = yield(chain(t, 1)[0], nil) && yield(sallyport.StoredRecord{}, broken)
	})
	if !errors.Is(err, broken) || lines != 1 || bytes.Count(out.Bytes(), []byte("\n")) != 1 {
		t.Errorf("got %d lines, %v; want the one before the error", lines, err)
	}
	if _, err := Export(writerThatFails{}, source(chain(t, 200))); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want the writer's error", err)
	}
}

type writerThatFails struct{}

func (writerThatFails) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestReadExport_reader_fails(t *testing.T) {
	_, err := Verify(ReadExport(iotest.ErrReader(io.ErrUnexpectedEOF)), Head{})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want the reader's error: it says nothing about the chain", err)
	}
}

func TestReadExport_long_line(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(`{"seq":1,"x":"`), io.LimitReader(zeros{}, 2*lineMax))
	report, err := Verify(ReadExport(endless), Head{})
	if err != nil {
		t.Fatal(err)
	}
	wantBad(t, "an endless line", report, 1, BadUnreadable)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// What is read and found whole is, byte for byte, what Export writes of it.
func FuzzReadExport(f *testing.F) {
	records := chain(f, 3)
	text := export(f, records)
	f.Add(text)
	f.Add(text[:len(text)-1])
	f.Add(bytes.ReplaceAll(text, []byte("record"), []byte("Record")))
	f.Add([]byte(`{"seq":1,"prev_hash":"","hash":"","damaged":"AA=="}` + "\n"))
	f.Add([]byte("null\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var read []sallyport.StoredRecord
		for record, err := range ReadExport(bytes.NewReader(text)) {
			if err != nil {
				if !errors.Is(err, ErrUnreadable) {
					t.Fatalf("%v is no ErrUnreadable", err)
				}
				return
			}
			read = append(read, record)
		}
		if again := export(t, read); !bytes.Equal(again, text) {
			t.Errorf("read %q\nwrote %q", text, again)
		}
	})
}
