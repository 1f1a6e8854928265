package runner

import (
	"slices"
	"sync"

	"github.com/wsconform/wsconform/cases"
)

// work is what a case makes a peer do.
type work int

const (
	waiting work = iota // nothing, mostly: 6.4
	light               // a round trip or two, under short timers
	limits              // megabytes, or a thousand messages
	deflate             // a thousand messages, compressed
	alone               // what nothing else is played beside
	kinds
)

func workOf(c cases.Case) work {
	switch {
	case c.Load == cases.Idle:
		return waiting
	case c.Load == cases.Alone:
		return alone
	case !c.Heavy():
		return light
	case c.Deflate() != nil:
		return deflate
	}
	return limits
}

// overlapped plays the light cases first, then the heavy ones while those that mostly wait
// (6.4) go on. If only one case is played at a time, all count as light.
func (r *run) overlapped(list []cases.Case, parallel int, play func(work, []cases.Case)) {
	if parallel == 1 {
		play(light, list)
		return
	}
	var by [kinds][]cases.Case
	for _, c := range list {
		by[workOf(c)] = append(by[workOf(c)], c)
	}
	var background sync.WaitGroup
	background.Go(func() { play(waiting, by[waiting]) })
	play(light, by[light])
	r.monitor.begin()
	play(limits, by[limits])
	r.monitor.end()
	background.Wait()
	play(deflate, by[deflate])
	play(alone, by[alone])
}

// atOnce calls f for each of the list, and for at most n at the same time.
func atOnce[T any](list []T, n int, f func(T)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(n, 1))
	for _, x := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(x)
		})
	}
	wg.Wait()
}

// heaviestFirst puts the cases that take longest in front, so that none of
// them runs alone at the end.
func heaviestFirst(list []cases.Case) []cases.Case {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b cases.Case) int { return b.Cost() - a.Cost() })
	return list
}

// deal shares the cases out like cards.
func deal(list []cases.Case, n int) [][]cases.Case {
	hands := make([][]cases.Case, n)
	for i, c := range list {
		hands[i%n] = append(hands[i%n], c)
	}
	return hands
}

// balance shares the cases out so that all hands take about as long, each in the
// order of the list.
func balance(list []cases.Case, n int) [][]cases.Case {
	hand := make(map[cases.ID]int)
	load := make([]int, n)
	for _, c := range heaviestFirst(list) {
		lightest := slices.Index(load, slices.Min(load))
		hand[c.ID] = lightest
		load[lightest] += c.Cost()
	}
	hands := make([][]cases.Case, n)
	for _, c := range list {
		hands[hand[c.ID]] = append(hands[hand[c.ID]], c)
	}
	return hands
}

// split parts the limits cases into those of large messages and those of many.
// Large ones stay in one driver and in their order: how fast a program copes with
// one can depend on those it has seen before.
func split(limits []cases.Case) [][]cases.Case {
	hands := make([][]cases.Case, 2)
	for _, c := range limits {
		if c.RoundTrips() {
			hands[1] = append(hands[1], c)
		} else {
			hands[0] = append(hands[0], c)
		}
	}
	return hands
}
