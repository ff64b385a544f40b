package audit

import (
	"context"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-ai/sallyport"
)

// The Merkle tree over a trail is that of RFC 6962: leaf n-1 is the 32 bytes of
// record n's hash in the chain. It lies in tiles of 256 hashes, so that growing
// it or proving one record reads a few tiles and no records.

// tileHeight is the height of a tile: it has 1<<tileHeight hashes.
const tileHeight = 8

// leafHash is the hash of the leaf of a record.
func leafHash(record sallyport.Hash) tlog.Hash { return tlog.RecordHash(record[:]) }

// tree reads the tree of one organisation and grows it in memory. It keeps what
// it has read and is for one use.
type tree struct {
	ctx   context.Context
	store TreeStore
	org   sallyport.OrgID
	size  int64

	tiles  map[tileName][]byte
	hashes map[int64]tlog.Hash // what was added, by tlog's index
}

type tileName struct {
	level int
	n     int64
}

func newTree(ctx context.Context, store TreeStore, org sallyport.OrgID, size int64) *tree {
	return &tree{
		ctx: ctx, store: store, org: org, size: size,
		tiles: make(map[tileName][]byte), hashes: make(map[int64]tlog.Hash),
	}
}

// tile returns the hashes of a stored tile.
func (t *tree) tile(name tileName) ([]byte, error) {
	if hashes, ok := t.tiles[name]; ok {
		return hashes, nil
	}
	hashes, err := t.store.TreeTile(t.ctx, t.org, name.level, name.n)
	if err == nil {
		t.tiles[name] = hashes
	}
	return hashes, err
}

// ReadHashes is tlog.HashReader over what is stored and what was added.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if h, ok := t.hashes[index]; ok {
			hashes[i] = h
			continue
		}
		tile := tlog.TileForIndex(tileHeight, index)
		stored, err := t.tile(tileName{tile.L, tile.N})
		if err == nil {
			hashes[i], err = tlog.HashFromTile(tile, stored, index)
		}
		if err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// add makes a record the next leaf.
func (t *tree) add(record sallyport.Hash) error {
	made, err := tlog.StoredHashesForRecordHash(t.size, leafHash(record), t)
	if err != nil {
		return err
	}
	first := tlog.StoredHashIndex(0, t.size)
	for i, h := range made {
		t.hashes[first+int64(i)] = h
	}
	t.size++
	return nil
}

// grown returns the root, and the tiles that differ from those of the size from.
func (t *tree) grown(from int64) (root tlog.Hash, tiles []sallyport.TreeTile, err error) {
	if root, err = tlog.TreeHash(t.size, t); err != nil {
		return root, nil, err
	}
	for _, tile := range tlog.NewTiles(tileHeight, from, t.size) {
		hashes, err := tlog.ReadTileData(tile, t)
		if err != nil {
			return root, nil, err
		}
		tiles = append(tiles, sallyport.TreeTile{Level: tile.L, N: tile.N, Hashes: hashes})
	}
	return root, tiles, nil
}

// Height, ReadTiles and SaveTiles are tlog.TileReader: it checks what it reads
// against the root, so that no proof is made from damaged tiles.

// Height is that of the tiles.
func (t *tree) Height() int { return tileHeight }

// ReadTiles reads tiles; a stored one may have got more hashes since.
func (t *tree) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		hashes, err := t.tile(tileName{tile.L, tile.N})
		if err != nil {
			return nil, err
		}
		data[i] = hashes[:min(len(hashes), tile.W*tlog.HashSize)]
	}
	return data, nil
}

// SaveTiles does nothing: they are stored.
func (t *tree) SaveTiles([]tlog.Tile, [][]byte) {}

// compactTree computes the root of a growing tree from the leaves alone, in
// memory that grows with the logarithm of their number. The zero value is the
// empty tree.
type compactTree struct {
	size int64
	// right are the roots of the full subtrees, the largest first: one for each
	// bit that is set in size.
	right []tlog.Hash
}

func (c *compactTree) add(record sallyport.Hash) {
	h := leafHash(record)
	for full := c.size; full&1 == 1; full >>= 1 {
		last := len(c.right) - 1
		h = tlog.NodeHash(c.right[last], h)
		c.right = c.right[:last]
	}
	c.right = append(c.right, h)
	c.size++
}

// root is the root of the tree; of an empty one there is none to compare with.
func (c *compactTree) root() sallyport.Hash {
	if len(c.right) == 0 {
		return sallyport.Hash{}
	}
	h := c.right[len(c.right)-1]
	for _, left := range slices.Backward(c.right[:len(c.right)-1]) {
		h = tlog.NodeHash(left, h)
	}
	return sallyport.Hash(h)
}
