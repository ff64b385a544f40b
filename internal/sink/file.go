package sink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
)

// file appends lines. It is opened anew for each batch, so that it can be moved
// away at any time.
type file struct {
	path   string
	encode encoder
}

func (f *file) send(_ context.Context, batch []Item) (err error) {
	var text []byte
	for _, item := range batch {
		for _, e := range f.encode(item) {
			text = append(append(text, e.text...), '\n')
		}
	}
	out, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	end, err := wholeLines(out)
	if err != nil {
		return err
	}
	if _, err := out.WriteAt(text, end); err != nil {
		return errors.Join(err, out.Truncate(end)) // a full disk leaves no half line
	}
	return out.Sync()
}

// wholeLines cuts off what a process that died has left of a line, which is
// about to be written again, and returns the size.
func wholeLines(f *os.File) (int64, error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	whole := end
	piece := make([]byte, 64<<10)
	for whole > 0 {
		from := max(0, whole-int64(len(piece)))
		part := piece[:whole-from]
		if _, err := f.ReadAt(part, from); err != nil {
			return 0, err
		}
		if at := bytes.LastIndexByte(part, '\n'); at >= 0 {
			whole = from + int64(at) + 1
			break
		}
		whole = from
	}
	if whole < end {
		err = f.Truncate(whole)
	}
	return whole, err
}
