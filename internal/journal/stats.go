package journal

// Waiting is how many entries wait for the writer.
func (j *Journal) Waiting() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.waiting)
}

// Kept is how many outcomes failed and wait to be written again.
func (j *Journal) Kept() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.kept)
}
