// Package agent starts implementations under test as processes, waits until they listen,
// and ends them together with everything that they have started.
//
// [Start] returns a [Process], which runs once. A [Service] is a server that can be started
// again and again. Linux ends all processes of an agent, also if this program is killed;
// other systems end its process group. [UseWatchdog] covers the rest, and [Leftovers] lists
// what a killed program has left behind.
package agent
