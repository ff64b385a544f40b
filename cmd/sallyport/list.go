package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// jsonFlag is the flag of every command that prints something for programs too.
type jsonFlag struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// list prints rows: as a JSON array, or as a table whose columns line tells.
func list[T any](w io.Writer, f jsonFlag, rows []T, header string, line func(T) []any) error {
	if f.JSON {
		if rows == nil {
			rows = []T{}
		}
		return printJSON(w, rows)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.ReplaceAll(header, " ", "\t"))
	for _, row := range rows {
		cells := make([]string, 0, 8)
		for _, cell := range line(row) {
			cells = append(cells, oneLine(fmt.Sprint(cell)))
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}

// oneLine keeps names that people chose from breaking the table, or the terminal.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '?'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s
}

// show prints one thing: as a JSON object, or as lines "name: value".
func show(w io.Writer, f jsonFlag, object any, lines ...string) error {
	if f.JSON {
		return printJSON(w, object)
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// done tells what a command has changed, where it has nothing else to show.
func (a *app) done(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, oneLine(fmt.Sprintf(format, args...)))
	return err
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// timeOrNil is null in JSON for a time that is not set.
func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// when is a time in a table.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
