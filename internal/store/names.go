package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-ai/sallyport"
)

const (
	// namesChunk is how many names one query asks for.
	namesChunk = 200
	// keyNamesMax bounds the names of keys in memory. Past it all are dropped: they come
	// back as they are asked for.
	keyNamesMax = 20_000
)

// sqlNames finds names by ids, by the kind that is before the slash.
var sqlNames = map[string]string{
	"user": `
		SELECT u.id, u.name, u.email FROM users u JOIN memberships m ON m.user_id = u.id
		WHERE m.org_id = $1 AND u.id IN `,
	"key":   `SELECT id, name, prefix FROM api_keys WHERE org_id = $1 AND id IN `,
	"group": `SELECT id, name, '' FROM groups WHERE org_id = $1 AND id IN `,
}

// Names tells what things of an organisation are called now: "user/…", "key/…" and
// "group/…", as records name them. What is gone, or is another organisation's, is
// not among them.
func (db *DB) Names(ctx context.Context, org sallyport.OrgID, of []string) (map[string]sallyport.Name, error) {
	ids := make(map[string][]string)
	for _, one := range of {
		kind, id, _ := strings.Cut(one, "/")
		if sqlNames[kind] != "" && id != "" && !slices.Contains(ids[kind], id) {
			ids[kind] = append(ids[kind], id)
		}
	}
	names := make(map[string]sallyport.Name)
	ids["key"] = db.keyNames.take(org, ids["key"], names)
	for kind, all := range ids {
		for some := range slices.Chunk(all, namesChunk) {
			if err := db.names(ctx, org, kind, some, names); err != nil {
				return nil, err
			}
		}
	}
	db.keyNames.keep(org, ids["key"], names)
	return names, nil
}

func (db *DB) names(ctx context.Context, org sallyport.OrgID, kind string, ids []string, into map[string]sallyport.Name) error {
	w := where{args: []any{org}}
	places := make([]string, len(ids))
	for i, id := range ids {
		places[i] = w.arg(text(id, columnMax))
	}
	_, err := list(ctx, db.read, func(rows *sql.Rows) (struct{}, error) {
		var id string
		var name sallyport.Name
		err := rows.Scan(&id, &name.Name, &name.Detail)
		into[kind+"/"+id] = name
		return struct{}{}, err
	}, sqlNames[kind]+"("+strings.Join(places, ", ")+")", w.args...)
	return err
}

// keyNames are names of keys that were read, which stay as they are: nobody renames or
// deletes a key. A page of the trail may name fifty, whose rows lie apart in a large
// database. It is safe for concurrent use.
type keyNames struct {
	mu    sync.Mutex
	known map[keyOf]sallyport.Name
}

type keyOf struct {
	org sallyport.OrgID
	id  string
}

// take puts the names that are known into names, and returns the ids of the others.
func (k *keyNames) take(org sallyport.OrgID, ids []string, names map[string]sallyport.Name) (unknown []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		if name, known := k.known[keyOf{org, id}]; known {
			names["key/"+id] = name
		} else {
			unknown = append(unknown, id)
		}
	}
	return unknown
}

// keep notes those of the names that were read.
func (k *keyNames) keep(org sallyport.OrgID, ids []string, names map[string]sallyport.Name) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known)+len(ids) > keyNamesMax {
		k.known = make(map[keyOf]sallyport.Name)
	}
	for _, id := range ids {
		if name, found := names["key/"+id]; found {
			k.known[keyOf{org, id}] = name
		}
	}
}
