package schedule

// border returns the places nearest to n at which inputs, which begin with a
// whole run, may be divided: at most n, and at least n.
func border(inputs []Input, n int) (down, up int) {
	for at := 0; at < n; {
		end := min(at+1+inputs[at].Run, len(inputs))
		if end > n {
			return at, end
		}
		at = end
	}
	return n, n
}

// longest returns how many inputs the longest run has.
func longest(inputs []Input) int {
	n := 0
	for _, in := range inputs {
		n = max(n, 1+in.Run)
	}
	return n
}
