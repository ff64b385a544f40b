package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// busyTimeout is how long a snapshot waits for a writer to let it begin.
const busyTimeout = 10 * time.Second

// Snapshot copies a SQLite database as it is at one moment to a new file. Others
// may write meanwhile; they are not held up.
func Snapshot(ctx context.Context, from, to string) error {
	db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?mode=rw&_pragma=busy_timeout(%d)",
		(&url.URL{Path: from}).EscapedPath(), busyTimeout.Milliseconds()))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO $1`, to)
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("copy the database %s: %w", from, err)
	}
	return nil
}
