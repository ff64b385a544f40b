package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // drivers, for looking at what the gateway wrote
	_ "modernc.org/sqlite"
)

// database makes a database that close drops, and returns its name: path of a
// file for SQLite, a URL for PostgreSQL.
func (s *stage) database(ctx context.Context, which, path string) (string, error) {
	if which == sqlite {
		return filepath.Abs(path)
	}
	u, err := url.Parse(s.server)
	if err != nil {
		return "", errors.New("-postgres is not a URL")
	}
	name := "sallyport_bench_" + strings.ToLower(rand.Text())
	if err := s.admin(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	s.stops = append(s.stops, func() error {
		return s.admin(context.WithoutCancel(ctx), "DROP DATABASE "+name+" WITH (FORCE)")
	})
	u.Path = "/" + name
	return u.String(), nil
}

// admin runs one statement on the PostgreSQL server.
func (s *stage) admin(ctx context.Context, statement string) error {
	db, err := sql.Open("pgx", s.server)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

func (s *stage) open(which, database, options string) (*sql.DB, error) {
	driver, name := "pgx", database
	if which == sqlite {
		driver, name = "sqlite", "file:"+(&url.URL{Path: database}).EscapedPath()+options
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s.stops = append(s.stops, db.Close)
	return db, nil
}

// trail counts what a gateway has written.
type trail struct {
	db   *sql.DB
	org  string
	last int64 // the last record that was counted
}

func (s *stage) openTrail(ctx context.Context, which, database, org string) (*trail, error) {
	db, err := s.open(which, database, "?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	t := &trail{db: db, org: org}
	_, _, err = t.count(ctx)
	return t, err
}

const sqlCountRecords = `
	SELECT COALESCE(MAX(seq), $2),
	       COUNT(DISTINCT CASE WHEN outcome = '' AND code = '' THEN call_id END),
	       COUNT(DISTINCT CASE WHEN outcome = 'success' THEN call_id END)
	FROM records WHERE org_id = $1 AND seq > $2 AND action IN ('chat.completions', 'messages', 'responses.create')`

// count says of how many calls there came an intent, and an outcome that is
// success, since the last count.
func (t *trail) count(ctx context.Context) (intents, outcomes int, err error) {
	err = t.db.QueryRowContext(ctx, sqlCountRecords, t.org, t.last).Scan(&t.last, &intents, &outcomes)
	return intents, outcomes, err
}

// committer commits single rows, durably, on a database like the gateway's and on
// the same disk: what nobody can do without who keeps a record of each call.
type committer struct {
	database string
	insert   *sql.Stmt
}

// commit is how long a commit of one row takes.
type commit struct {
	database string
	round    int
	p50, p99 time.Duration
}

// Commits are measured until there are commitsMost or commitTime is over.
const (
	commitsMost = 1000
	commitTime  = 2 * time.Second
)

func (s *stage) openCommitters(ctx context.Context) error {
	var used []string
	for _, t := range s.targets {
		if t.database != "" && !slices.Contains(used, t.database) {
			used = append(used, t.database)
		}
	}
	for _, which := range used {
		name, err := s.database(ctx, which, filepath.Join(s.folder, "commits.db"))
		if err != nil {
			return err
		}
		// SQLite as the gateway has it with durability strict; PostgreSQL is so by default.
		db, err := s.open(which, name, "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(8000)")
		if err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, "CREATE TABLE commits (n BIGINT NOT NULL)"); err != nil {
			return err
		}
		insert, err := db.PrepareContext(ctx, "INSERT INTO commits (n) VALUES ($1)")
		if err != nil {
			return err
		}
		s.stops = append(s.stops, insert.Close)
		s.commits = append(s.commits, &committer{which, insert})
	}
	return nil
}

func (c *committer) measure(ctx context.Context) (commit, error) {
	var took []time.Duration
	for begun := time.Now(); len(took) < commitsMost && time.Since(begun) < commitTime; {
		start := time.Now()
		if _, err := c.insert.ExecContext(ctx, len(took)); err != nil {
			return commit{}, fmt.Errorf("commit a row to %s: %w", c.database, err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return commit{database: c.database, p50: quantile(took, 0.50), p99: quantile(took, 0.99)}, nil
}
