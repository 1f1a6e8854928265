package compare

// EnsureRoot is for tests.
var EnsureRoot = ensureRoot
