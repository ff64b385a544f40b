package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ListenerName is the application_name of the connection that listens for
// changes, as pg_stat_activity shows it.
const ListenerName = "sallyport changes"

const (
	// changesChannel is what the trigger on the counter of changes notifies.
	changesChannel = "sallyport_changes"
	// connectTimeout bounds the making of the listener's connection.
	connectTimeout = 5 * time.Second
)

// watch listens on a connection of its own, and asks on the same connection for
// the counter: a connection that is dead without anybody having said so gives
// no answer, and one that a pooler in front shares hears no notifications.
func (e *postgresEngine) watch(ctx context.Context, moved func()) error {
	conn, err := e.listen(ctx)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	seen := int64(-1)
	for {
		n, err := askChanges(ctx, conn)
		if err != nil {
			return fmt.Errorf("ask for changes: %w", err)
		}
		if n != seen {
			seen = n
			moved()
		}
		if err := waitNotified(ctx, conn); err != nil {
			return fmt.Errorf("wait for changes: %w", err)
		}
	}
}

func (e *postgresEngine) listen(ctx context.Context) (*pgx.Conn, error) {
	connecting, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	config := e.config.Copy()
	config.RuntimeParams["application_name"] = ListenerName
	conn, err := pgx.ConnectConfig(connecting, config)
	if err != nil {
		return nil, fmt.Errorf("connect to listen for changes: %w", err)
	}
	if _, err := conn.Exec(connecting, "LISTEN "+changesChannel); err != nil {
		closeConn(ctx, conn)
		return nil, fmt.Errorf("listen for changes: %w", err)
	}
	return conn, nil
}

// closeConn says goodbye, and does not wait for an answer from a dead server.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changesTimeout)
	defer cancel()
	_ = conn.Close(ctx) // it is of no more use either way
}

func askChanges(ctx context.Context, conn *pgx.Conn) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, changesTimeout)
	defer cancel()
	return n, conn.QueryRow(ctx, sqlChanges).Scan(&n)
}

// waitNotified returns when there is a notification or it is time to ask.
func waitNotified(ctx context.Context, conn *pgx.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, changesPoll)
	defer cancel()
	_, err := conn.WaitForNotification(waiting)
	if err != nil && ctx.Err() == nil && pgconn.Timeout(err) {
		return nil
	}
	return err
}
