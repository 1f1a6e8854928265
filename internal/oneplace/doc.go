// Package oneplace has no code but a test: in a copy of the source it adds a case, a step,
// a check, a mutant, an engine and a report format, each in the one place that is meant
// for it, and vets and tests the packages that are concerned.
package oneplace
