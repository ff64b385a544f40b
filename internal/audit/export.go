package audit

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"

	"github.com/sallyport-ai/sallyport"
)

// Export writes records as lines of JSON:
//
//	{"seq":1,"prev_hash":"…","hash":"…","record":{…}}
//
// with the record's stored bytes as they are, so that everybody can verify the
// chain with a SHA-256 and no program of ours. A record whose bytes are damaged
// so that they are no line of JSON has "damaged" with their base64 instead: an
// export of a broken chain is evidence and must not stop. It returns how many
// lines it wrote.
func Export(w io.Writer, records iter.Seq2[sallyport.StoredRecord, error]) (lines int64, err error) {
	return ExportTrail(w, func(yield func(Line, error) bool) {
		for r, err := range records {
			if !yield(Line{Record: r}, err) {
				return
			}
		}
	})
}

// ExportTrail is Export with tombstones, before all records, and checkpoints:
// after the last record of each stands
//
//	{"checkpoint":"<the signed note>","key":"<the public key of its signature>"}
func ExportTrail(w io.Writer, trail iter.Seq2[Line, error]) (lines int64, err error) {
	out := bufio.NewWriter(w)
	var text []byte
	for line, err := range trail {
		if err != nil {
			return lines, errors.Join(err, out.Flush())
		}
		switch {
		case line.Checkpoint != nil:
			text, err = appendSigned(text[:0], *line.Checkpoint)
		case line.Tombstone != nil:
			text, err = appendBuried(text[:0], *line.Tombstone)
		default:
			text = appendLine(text[:0], line.Record)
		}
		if err != nil {
			return lines, errors.Join(err, out.Flush())
		}
		if _, err := out.Write(text); err != nil {
			return lines, err
		}
		lines++
	}
	return lines, out.Flush()
}

func appendSigned(line []byte, c SignedLine) ([]byte, error) {
	body, err := json.Marshal(struct {
		Note string `json:"checkpoint"`
		Key  string `json:"key"`
	}{c.Note, c.Key})
	return append(append(line, body...), '\n'), err
}

func appendLine(line []byte, r sallyport.StoredRecord) []byte {
	line = append(line, `{"seq":`...)
	line = strconv.AppendInt(line, r.Seq, 10)
	line = append(line, `,"prev_hash":"`...)
	line = hex.AppendEncode(line, r.Prev[:])
	line = append(line, `","hash":"`...)
	line = hex.AppendEncode(line, r.Hash[:])
	if oneLine(r.Body) {
		line = append(line, `","record":`...)
		line = append(line, r.Body...)
	} else {
		line = append(line, `","damaged":"`...)
		line = base64.StdEncoding.AppendEncode(line, r.Body)
		line = append(line, '"')
	}
	return append(line, "}\n"...)
}

// oneLine says whether body is an object that can stand in a line as it is.
func oneLine(body []byte) bool {
	return len(body) > 0 && body[0] == '{' && body[len(body)-1] == '}' &&
		!bytes.ContainsAny(body, "\r\n") && json.Valid(body)
}

// lineMax bounds a line of an export that is read: far above the largest record.
const lineMax = 16 << 20

// ReadTrail reads what ExportTrail wrote. A line that is not exactly as that
// writes it ends the reading with an error that wraps ErrUnreadable: VerifyTrail
// then names its place.
func ReadTrail(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		for n := 1; ; n++ {
			text, err := readLine(in)
			if err == io.EOF {
				return
			}
			var line Line
			if err == nil {
				line, err = parseTrailLine(text)
			}
			if err != nil {
				yield(Line{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// ReadExport reads the records of an export, without its tombstones and checkpoints.
func ReadExport(r io.Reader) iter.Seq2[sallyport.StoredRecord, error] {
	return func(yield func(sallyport.StoredRecord, error) bool) {
		for line, err := range ReadTrail(r) {
			if line.Checkpoint == nil && line.Tombstone == nil && !yield(line.Record, err) {
				return
			}
		}
	}
}

func parseTrailLine(text []byte) (line Line, err error) {
	switch {
	case bytes.HasPrefix(text, []byte(`{"tombstone":`)):
		line.Tombstone, err = parseBuried(text)
		return line, err
	case !bytes.HasPrefix(text, []byte(`{"checkpoint":`)):
		line.Record, err = parseLine(text)
		return line, err
	}
	var fields struct {
		Note string `json:"checkpoint"`
		Key  string `json:"key"`
	}
	if json.Unmarshal(text, &fields) != nil {
		return line, fmt.Errorf("%w: the line is not JSON", ErrUnreadable)
	}
	line.Checkpoint = &SignedLine{Note: fields.Note, Key: fields.Key}
	again, err := appendSigned(nil, *line.Checkpoint)
	if err == nil && !bytes.Equal(again, text) {
		err = fmt.Errorf("%w: the line is not as an export has it", ErrUnreadable)
	}
	return line, err
}

// readLine returns the next line with its end, or io.EOF after the last.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := in.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case len(line) > lineMax:
			return nil, fmt.Errorf("%w: the line is too long", ErrUnreadable)
		case err == nil:
			return line, nil
		case err == io.EOF && len(line) > 0:
			return nil, fmt.Errorf("%w: the line has no end", ErrUnreadable)
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}

// parseLine reads a line and refuses one that Export would have written
// differently: encoding/json forgives more than a proof may.
func parseLine(line []byte) (sallyport.StoredRecord, error) {
	var fields struct {
		Seq     int64           `json:"seq"`
		Prev    string          `json:"prev_hash"`
		Hash    string          `json:"hash"`
		Record  json.RawMessage `json:"record"`
		Damaged []byte          `json:"damaged"`
	}
	if json.Unmarshal(line, &fields) != nil {
		return sallyport.StoredRecord{}, fmt.Errorf("%w: the line is not JSON", ErrUnreadable)
	}
	record := sallyport.StoredRecord{Seq: fields.Seq, Body: fields.Record}
	if fields.Record == nil {
		record.Body = fields.Damaged
	}
	readHash(&record.Prev, fields.Prev)
	readHash(&record.Hash, fields.Hash)
	if !bytes.Equal(appendLine(nil, record), line) {
		return sallyport.StoredRecord{}, fmt.Errorf("%w: the line is not as an export has it", ErrUnreadable)
	}
	return record, nil
}

// readHash leaves h as it is when text is no hash; the comparison of the whole
// line then finds the difference.
func readHash(h *sallyport.Hash, text string) {
	if b, err := hex.DecodeString(text); err == nil && len(b) == len(h) {
		copy(h[:], b)
	}
}
