package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// where is a growing condition and its arguments. $1 is the organisation.
type where struct {
	strings.Builder
	args []any
}

// add adds a condition, which names its one argument with %[1]d, as often as it
// needs it.
func (w *where) add(condition string, arg any) {
	w.args = append(w.args, arg)
	fmt.Fprintf(w, " AND "+condition, len(w.args))
}

// arg adds an argument and returns how it is named.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return fmt.Sprintf("$%d", len(w.args))
}

// joined writes numbers with commas between them.
func joined(numbers []int64) string {
	var b strings.Builder
	for i, n := range numbers {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	return b.String()
}

// after goes on after a place in a list from new to old; the zero Place is its
// beginning. The table has the columns created and id.
func (w *where) after(table string, p sallyport.Place) {
	if p.ID == "" {
		return
	}
	at, id := w.arg(micros(p.At)), w.arg(p.ID)
	fmt.Fprintf(w, " AND (%[1]s.created < %[2]s OR %[1]s.created = %[2]s AND %[1]s.id < %[3]s)", table, at, id)
}

// containing is the pattern of LIKE … ESCAPE '\' for what has s in it.
func containing(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text(s, len(s))) + "%"
}
