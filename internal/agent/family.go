package agent

// A Usage is what a family of processes uses.
type Usage struct {
	Memory int64 // bytes in memory
	Tasks  int64 // processes and threads
}

// FamilyUsage sums up what the descendants of the process use, zero where the system does
// not tell.
func FamilyUsage(pid int) Usage { return familyUsage(Descendants(pid)) }

// Family lists the processes of the server: its own and those below it, where the system
// tells. It is empty if it does not run.
func (s *Service) Family() []int {
	if s.process == nil || s.process.Ended() != nil {
		return nil
	}
	pid := s.process.cmd.Process.Pid
	return append([]int{pid}, Descendants(pid)...)
}

// Workers lists the processes of the server that have the socket on which it listens, with
// their names, where the system tells: a master has workers that may end beneath it.
func (s *Service) Workers() map[int]string {
	return workers(s.Family(), Listeners(s.URL.Host))
}

// Memory returns how many bytes the server has in memory with the processes below it, 0
// where the system does not tell.
func (s *Service) Memory() int64 { return familyUsage(s.Family()).Memory }
