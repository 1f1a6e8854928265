// Package queue hands tasks to workers on other machines, and takes their results.
//
// It is a thin layer on NATS JetStream. [Start] runs the server inside this program, with
// its files in a folder; [Connect] reaches it, or one that is there already. Read
// [Queue.Drive] (drive.go) next, the side that has tasks, and [Queue.Work] (work.go), the
// side that plays them.
//
// A task has a name, and tasks of the same name are the same work: one that was played
// anywhere is played. JetStream delivers a task to one worker, and to another when the
// first has not been heard of for the lease. A worker notes its attempt before it begins,
// so that a task that brings down its workers comes to an end. Of several results the
// first counts. The driver takes back a task that takes longer than its limit, whatever
// its worker says. All times are measured on one machine, so the clocks may differ.
//
// The token lets a worker take tasks, and write attempts and results; it cannot change
// tasks or the server. Workers with the token are trusted: the driver checks that a result
// is what it asked for, not how it was made.
package queue
