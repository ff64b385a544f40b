package identity

import "sync"

// rowsMax bounds the rows kept in memory. Past it all are dropped: they come back as they are used.
const rowsMax = 20_000

// cache keeps rows that were read. It is safe for concurrent use.
type cache[K comparable, V any] struct {
	mu   sync.RWMutex
	rows map[K]V
	// forgotten counts the calls of forget: a row whose reading began before one is not kept.
	forgotten uint64
}

// get returns the row, from memory or by read, whose failures are not kept.
func (c *cache[K, V]) get(id K, read func() (V, error)) (V, error) {
	c.mu.RLock()
	row, ok := c.rows[id]
	forgotten := c.forgotten
	c.mu.RUnlock()
	if ok {
		return row, nil
	}
	row, err := read()
	if err != nil {
		return row, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forgotten == forgotten {
		if c.rows == nil || len(c.rows) >= rowsMax {
			c.rows = make(map[K]V)
		}
		c.rows[id] = row
	}
	return row, nil
}

// forget drops all rows.
func (c *cache[K, V]) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgotten++
	clear(c.rows)
}

// drop drops one row. One that is being read meanwhile is not kept either.
func (c *cache[K, V]) drop(id K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgotten++
	delete(c.rows, id)
}
