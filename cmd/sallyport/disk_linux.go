package main

import "syscall"

// diskSpace is how much of the disk with a folder is free for this program, and how
// large it is, in bytes; 0: not known.
func diskSpace(folder string) (free, whole int64) {
	var fs syscall.Statfs_t
	if syscall.Statfs(folder, &fs) != nil {
		return 0, 0
	}
	return int64(fs.Bavail) * fs.Bsize, int64(fs.Blocks) * fs.Bsize
}
