package docker

// What the tests outside the package need to see of its inside.
var (
	CleanLine   = clean
	Unavailable = unavailable
)

// OwnerLabel returns a value of [LabelOwner] that differs from that of this
// process as the arguments say.
func OwnerLabel(host string, boot string, pidOffset int) string {
	o := self()
	if host != "" {
		o.host = host
	}
	if boot != "" {
		o.boot = boot
	}
	o.pid += pidOffset
	return o.String()
}

// ReusedPID returns a value of [LabelOwner] of a process that had the pid of
// this one before.
func ReusedPID() string {
	o := self()
	o.started = "1"
	return o.String()
}

// OwnerOf returns the value of [LabelOwner] of another process of this machine.
func OwnerOf(pid int) string {
	o := self()
	o.pid, o.started = pid, started(pid)
	return o.String()
}

// Self returns the value of [LabelOwner] of this process.
func Self() string { return self().String() }
