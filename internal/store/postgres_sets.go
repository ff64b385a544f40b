package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// setMin is from how many rows on one statement for all of them is cheaper than
// one for each: to take its arrays apart costs as much as some rows do.
const setMin = 16

// gather puts inserts into the same table together: one statement, whose
// parameters are the columns of all rows. These come first, because a call can be
// opened and closed in one batch. The others keep their order; deletes of calls
// are among them, since a planner that saw the table small would for a set of
// them read all of it, long after it has grown.
func gather(ctx context.Context, conn *pgx.Conn, all []statement) ([]statement, error) {
	var inserts []string // in the order of their first rows
	rows := make(map[string][][]any)
	for i := range all {
		s := &all[i]
		if !s.gather {
			continue
		}
		if rows[s.sql] == nil {
			inserts = append(inserts, s.sql)
		}
		rows[s.sql] = append(rows[s.sql], s.args)
	}
	var gathered []statement
	for _, insert := range inserts {
		if len(rows[insert]) < setMin {
			continue
		}
		set, err := newSet(ctx, conn, insert, rows[insert])
		if err != nil {
			return nil, err
		}
		gathered = append(gathered, set)
	}
	if len(gathered) == 0 {
		return all, nil
	}
	for i := range all {
		if len(rows[all[i].sql]) < setMin {
			gathered = append(gathered, all[i])
		}
	}
	return gathered, nil
}

// newSet is the statement that inserts all rows at once. The database tells the
// types of the columns when it prepares the insert of one row, once for each
// connection. Arrays in the list of columns are taken apart in step; in FROM each
// would be written to a store of its own first.
func newSet(ctx context.Context, conn *pgx.Conn, insert string, rows [][]any) (statement, error) {
	into, values, found := strings.Cut(insert, "VALUES (")
	if !found || strings.IndexByte(values, ')') != len(values)-1 {
		return statement{}, fmt.Errorf("more than the insert of a row: %s", insert)
	}
	row, err := conn.Prepare(ctx, insert, insert)
	if err != nil {
		return statement{}, err
	}
	var columns []string
	set := statement{entry: noEntry, rows: int64(len(rows)), inserts: true}
	for c, oid := range row.ParamOIDs {
		column, known := conn.TypeMap().TypeForOID(oid)
		if !known {
			return statement{}, fmt.Errorf("the type of column %d is unknown: %s", c+1, insert)
		}
		columns = append(columns, fmt.Sprintf("unnest($%d::%s[])", c+1, column.Name))
		array := make(pgtype.FlatArray[any], len(rows))
		for r := range rows {
			array[r] = rows[r][c]
		}
		set.args = append(set.args, array)
	}
	set.sql = into + "SELECT " + strings.Join(columns, ", ")
	return set, nil
}
