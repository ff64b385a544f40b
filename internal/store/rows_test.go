package store

import (
	"slices"
	"testing"
)

// Between two records whose rows are numbered alike all are known, and nothing else.
func TestRowRuns(t *testing.T) {
	t.Parallel()
	want := func(t *testing.T, r *rowRuns, seq, row int64) {
		t.Helper()
		if rows := r.of("o", []int64{seq}); row == 0 && rows != nil || row != 0 && !slices.Equal(rows, []int64{row}) {
			t.Errorf("record %d is taken for the rows %v, want %d (0: not known)", seq, rows, row)
		}
	}
	t.Run("between", func(t *testing.T) {
		var r rowRuns
		for _, seq := range []int64{40, 10, 20, 15} { // as pages come upon them
			r.note("o", seq, seq+5)
		}
		r.note("o", 60, 72)
		r.note("o", 50, 62)
		for seq, row := range map[int64]int64{9: 0, 10: 15, 30: 35, 40: 45, 41: 0, 49: 0, 50: 62, 55: 67, 60: 72, 61: 0} {
			want(t, &r, seq, row)
		}
		if r.n != 2 || len(r.runs["o"]) != 2 {
			t.Errorf("%d runs are %v, want 2", r.n, r.runs["o"])
		}
		if rows := r.of("o", []int64{60, 41}); rows != nil {
			t.Errorf("records of which one is not known are %v", rows)
		}
		if rows := r.of("another", []int64{10}); rows != nil {
			t.Errorf("a record of another trail is taken for the rows %v", rows)
		}
	})
	t.Run("numbered anew", func(t *testing.T) {
		var r rowRuns
		r.note("o", 10, 15)
		r.note("o", 20, 25)
		r.note("o", 12, 13)
		want(t, &r, 10, 0)
		if r.n != 0 {
			t.Errorf("%d runs are left", r.n)
		}
	})
	t.Run("bounded", func(t *testing.T) {
		var r rowRuns
		for seq := range int64(rowRunsMax + 1) {
			r.note("o", seq, 2*seq+1)
		}
		if r.n != 1 {
			t.Errorf("%d runs are there, want the last", r.n)
		}
		want(t, &r, rowRunsMax, 2*rowRunsMax+1)
	})
}
