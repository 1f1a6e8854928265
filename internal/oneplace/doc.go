// Package oneplace has no code but tests of the whole source. In a copy of it one adds a
// case, a step, a check, a mutant, an engine and a report format, each in the one place that
// is meant for it, and vets and tests the packages concerned. Another holds CONTRIBUTING's
// map of the packages to be complete.
package oneplace
