package main

import (
	"bufio"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport/internal/config"
)

func newLog(w io.Writer, cfg config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Level)) // checked with the configuration
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// Lines of the log wait this long for others, and in this much room: there is
// one for each call, and to write each alone would cost the call a system call.
// A crash loses those that wait; what must not be lost is in the trail.
const (
	logDelay = 100 * time.Millisecond
	logBytes = 64 << 10
)

// logWriter writes lines together. Flush writes the last ones.
type logWriter struct {
	mu      sync.Mutex
	lines   *bufio.Writer
	waiting bool // a flush is due
}

func newLogWriter(w io.Writer) *logWriter {
	return &logWriter{lines: bufio.NewWriterSize(w, logBytes)}
}

// Write takes whole lines.
func (l *logWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.waiting {
		l.waiting = true
		time.AfterFunc(logDelay, func() { _ = l.flush() })
	}
	return l.lines.Write(line)
}

// flush writes what waits.
func (l *logWriter) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = false
	return l.lines.Flush()
}
