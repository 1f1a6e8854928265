package docker

import "github.com/wsconform/wsconform/internal/owner"

// What the tests outside the package need to see of its inside.
var (
	CleanLine   = clean
	Unavailable = unavailable
)

// OwnerLabel returns a value of [LabelOwner] that differs from that of this
// process as the arguments say.
func OwnerLabel(host string, boot string, pidOffset int) string {
	o := owner.Self()
	if host != "" {
		o.Host = host
	}
	if boot != "" {
		o.Boot = boot
	}
	o.PID += pidOffset
	return o.String()
}

// ReusedPID returns a value of [LabelOwner] of a process that had the pid of
// this one before.
func ReusedPID() string {
	o := owner.Self()
	o.Started = "1"
	return o.String()
}

// OwnerOf returns the value of [LabelOwner] of another process of this machine.
func OwnerOf(pid int) string {
	return owner.Of(pid).String()
}

// Self returns the value of [LabelOwner] of this process.
func Self() string { return owner.Self().String() }
