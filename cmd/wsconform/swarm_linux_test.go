package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSwarm has a comparison played by workers on a swarm of three Docker engines, each in
// a network namespace of its own, while workers, engines and the server are killed at random
// moments; then another one, in which a node dies for good. WSCONFORM_SWARM_KILLS says how
// many to kill, and WSCONFORM_SWARM_SHARDS how many units each of the 20 rows is divided
// into, 50 without. It needs root, dockerd, nsenter and ip, and takes ten minutes or more.
func TestSwarm(t *testing.T) {
	kills, _ := strconv.Atoi(os.Getenv("WSCONFORM_SWARM_KILLS"))
	if kills == 0 {
		t.Skip("WSCONFORM_SWARM_KILLS says how many to kill")
	}
	shards := cmp.Or(os.Getenv("WSCONFORM_SWARM_SHARDS"), "50")
	var agents []string
	for i := range 10 {
		agents = append(agents, fmt.Sprint("sh-", i))
	}
	y := newYard(t, agents...)
	y.wsconform = filepath.Join(t.TempDir(), "wsconform")
	build := exec.Command("go", "build", "-o", y.wsconform, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // its image has no C library
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, said)
	}
	for _, name := range agents { // the image has no shell
		y.edit(name, func(text string) string { return probeLine.ReplaceAllString(text, "") })
	}
	s := newSwarm(t, y)
	y.cases = []string{"--agents", "agents", "--cache", "cache", "--suite", "autobahn", "--cases", "1.*,2.*,3.*,4.*,5.*"}
	y.compare("alone")
	calm := s.compare("calm", shards, 0, nil)
	s.nothingLeft()
	y.sameRows("alone", "calm")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	took := s.compare("killed", shards, kills, rand.New(rand.NewPCG(seed, 0)))
	t.Logf("%v without kills, %v with %d: %v lost per kill", calm, took, kills, ((took - calm) / time.Duration(kills)).Round(time.Millisecond))
	s.nothingLeft()
	y.sameRows("alone", "killed")
	s.deadNode(shards)
	y.sameRows("alone", "dead")
	y.clean()
}

var probeLine = regexp.MustCompile(`(?m)^probe:.*\n`)

// A swarmYard has three Docker engines that are a swarm.
type swarmYard struct {
	*yard
	nodes   []*swarmNode
	gateway string // address of this machine that the nodes reach
	server  *running
}

// A swarmNode is an engine in a network namespace.
type swarmNode struct {
	t         *testing.T
	name, dir string
	address   string
	docker    *exec.Cmd
}

func (n *swarmNode) host() string { return "unix://" + filepath.Join(n.dir, "docker.sock") }

func newSwarm(t *testing.T, y *yard) *swarmYard {
	t.Helper()
	id := os.Getpid() % 200
	hub, subnet := fmt.Sprint("wsc", id), fmt.Sprintf("10.203.%d.", id)
	s := &swarmYard{yard: y, gateway: subnet + "254"}
	// The bridge has a namespace of its own, where no firewall sees what passes it.
	s.ip("netns", "add", hub)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", hub).Run() })
	s.ip("-n", hub, "link", "add", "bridge", "type", "bridge")
	s.ip("-n", hub, "link", "set", "bridge", "up")
	s.ip("link", "add", hub, "type", "veth", "peer", "name", "here", "netns", hub)
	s.ip("addr", "add", s.gateway+"/24", "dev", hub)
	s.ip("link", "set", hub, "up")
	s.ip("-n", hub, "link", "set", "here", "master", "bridge", "up")
	for i := range 3 {
		n := &swarmNode{t: t, name: fmt.Sprintf("wsc%d-%d", id, i), dir: filepath.Join(t.TempDir(), "node"), address: subnet + strconv.Itoa(i+1)}
		s.nodes = append(s.nodes, n)
		s.ip("netns", "add", n.name)
		t.Cleanup(n.remove)
		s.ip("-n", hub, "link", "add", n.name, "type", "veth", "peer", "name", "eth0", "netns", n.name)
		s.ip("-n", hub, "link", "set", n.name, "master", "bridge", "up")
		s.ip("-n", n.name, "addr", "add", n.address+"/24", "dev", "eth0")
		s.ip("-n", n.name, "link", "set", "eth0", "up")
		s.ip("-n", n.name, "link", "set", "lo", "up")
		n.start()
	}
	image := s.image()
	for i, n := range s.nodes {
		if i == 0 {
			n.run(nil, "swarm", "init", "--advertise-addr", n.address, "--listen-addr", n.address+":2377")
		} else {
			token := s.nodes[0].run(nil, "swarm", "join-token", "-q", "worker")
			n.run(nil, "swarm", "join", "--token", strings.TrimSpace(token), "--advertise-addr", n.address, "--listen-addr", n.address+":2377", s.nodes[0].address+":2377")
		}
		n.run(bytes.NewReader(image), "import", "-", swarmImage)
	}
	y.env = append(y.env, "DOCKER_HOST="+s.nodes[0].host())
	return s
}

const swarmImage = "wsconform-workers:test"

func (s *swarmYard) ip(args ...string) {
	s.t.Helper()
	if said, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		s.t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, said)
	}
}

// image is a file system with nothing but wsconform and the agents.
func (s *swarmYard) image() []byte {
	s.t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(name string, mode int64, text []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(text))}); err != nil {
			s.t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			s.t.Fatal(err)
		}
	}
	add("tmp/", 0o1777, nil)
	files, _ := filepath.Glob(filepath.Join(s.dir, "agents", "*", "agent.yaml"))
	for _, file := range append(files, s.wsconform) {
		text, err := os.ReadFile(file)
		if err != nil {
			s.t.Fatal(err)
		}
		if file == s.wsconform {
			add("usr/local/bin/wsconform", 0o755, text)
		} else {
			add("agents/"+filepath.Base(filepath.Dir(file))+"/agent.yaml", 0o644, text)
		}
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	return out.Bytes()
}

// start starts the engine and waits until it answers.
func (n *swarmNode) start() {
	n.t.Helper()
	if err := os.MkdirAll(n.dir, 0o711); err != nil {
		n.t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(n.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		n.t.Fatal(err)
	}
	defer log.Close()
	// ip netns exec would hide the control groups.
	n.docker = exec.Command("nsenter", "--net=/run/netns/"+n.name, "dockerd", "--data-root", filepath.Join(n.dir, "data"), "--exec-root", filepath.Join(n.dir, "exec"),
		"--pidfile", filepath.Join(n.dir, "pid"), "-H", n.host(), "--bridge", "none", "--iptables=false")
	n.docker.Stdout, n.docker.Stderr = log, log
	if err := n.docker.Start(); err != nil {
		n.t.Fatal(err)
	}
	go n.docker.Wait() // it is killed
	for range 600 {
		if exec.Command("docker", "-H", n.host(), "info").Run() == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name())
	n.t.Fatalf("%s does not answer; it said:\n%s", n.name, text[max(0, len(text)-2000):])
}

// run runs a command of the engine.
func (n *swarmNode) run(in io.Reader, args ...string) string {
	n.t.Helper()
	c := exec.Command("docker", append([]string{"-H", n.host()}, args...)...)
	c.Stdin = in
	var said bytes.Buffer
	c.Stderr = &said
	text, err := c.Output()
	if err != nil {
		n.t.Fatalf("%s: docker %s: %v\n%s", n.name, strings.Join(args, " "), err, said.Bytes())
	}
	return string(text)
}

// processes lists those of the namespace: the engine and its containers, which have no
// networks of their own. The filter is of their command lines.
func (n *swarmNode) processes(like string) (list []int) {
	var own syscall.Stat_t
	if syscall.Stat("/run/netns/"+n.name, &own) != nil {
		return nil
	}
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		var of syscall.Stat_t
		if syscall.Stat(dir+"/ns/net", &of) != nil || of.Ino != own.Ino || of.Dev != own.Dev {
			continue
		}
		line, _ := os.ReadFile(dir + "/cmdline")
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil && strings.Contains(string(line), like) {
			list = append(list, pid)
		}
	}
	return list
}

// kill ends everything on the node at once, as a power cut would.
func (n *swarmNode) kill() {
	for range 100 { // what one of them starts meanwhile
		list := n.processes("")
		if len(list) == 0 {
			return
		}
		for _, pid := range list {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// remove removes the node and all that it has.
func (n *swarmNode) remove() {
	n.kill()
	mounts, _ := os.ReadFile("/proc/self/mounts")
	lines := strings.Split(string(mounts), "\n")
	for _, line := range slices.Backward(lines) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], n.dir) {
			_ = syscall.Unmount(fields[1], syscall.MNT_DETACH)
		}
	}
	_ = exec.Command("ip", "netns", "del", n.name).Run()
	if err := os.RemoveAll(n.dir); err != nil {
		n.t.Error(err)
	}
}

// serve starts the comparison, with six workers on the swarm.
func (s *swarmYard) serve(out, shards string) {
	s.t.Helper()
	_, port, _ := strings.Cut(s.address, ":")
	s.server = s.start(slices.Concat([]string{
		"compare", "--on", "swarm", "--image", swarmImage, "--workers", "6", "--listen", s.gateway + ":" + port,
		"--lease", "3s", "--shards", shards, "--attempts", "100", "-o", out,
	}, s.cases)...)
}

// compare makes a comparison while it kills, and checks that each unit has one result.
func (s *swarmYard) compare(out, shards string, kills int, rnd *rand.Rand) time.Duration {
	s.t.Helper()
	begun := time.Now()
	s.serve(out, shards)
	deadline := time.After(40 * time.Minute)
	killed := map[string]int{}
	restarts := 0
	var down []*swarmNode // to be started again
	for {
		var next, again <-chan time.Time
		if kills > 0 {
			next = time.After(time.Duration(500+rnd.IntN(4500)) * time.Millisecond)
		}
		if len(down) > 0 {
			again = time.After(3 * time.Second)
		}
		select {
		case <-s.server.done:
			if code := s.server.ProcessState.ExitCode(); code == exitHarness && restarts < 50 { // the manager was down
				restarts++
				time.Sleep(time.Second)
				s.serve(out, shards)
				continue
			}
			for _, n := range down {
				n.start()
			}
			s.ended(s.server, exitOK)
			took := time.Since(begun).Round(time.Millisecond)
			units, attempts := s.units(out)
			s.t.Logf("%s: %d units, %d attempts in %v; killed %v; the server found no manager %d times", out, units, attempts, took, killed, restarts)
			return took
		case <-deadline:
			s.t.Fatalf("%s did not end; it said:\n%s", out, s.server.said())
		case <-again:
			down[0].start()
			down = down[1:]
		case <-next:
			if what := s.killOne(rnd, &down); what != "" {
				killed[what]++
				kills--
				if what == "server" {
					s.serve(out, shards)
				}
			}
		}
	}
}

// killOne kills a worker, a node with all that it runs, or the server.
func (s *swarmYard) killOne(rnd *rand.Rand, down *[]*swarmNode) string {
	n := s.nodes[rnd.IntN(len(s.nodes))]
	switch i := rnd.IntN(10); {
	case i < 6:
		workers := n.processes("wsconform\x00work\x00")
		if len(workers) == 0 {
			return ""
		}
		_ = syscall.Kill(workers[rnd.IntN(len(workers))], syscall.SIGKILL)
		return "worker"
	case i < 8 && !slices.Contains(*down, n):
		n.kill()
		*down = append(*down, n)
		return "node"
	case i >= 8:
		s.server.kill()
		return "server"
	}
	return ""
}

// units counts the units and attempts of a comparison; each unit must have one result.
func (s *swarmYard) units(out string) (units, attempts int) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, out, "units.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	seen := map[string]int{}
	for _, m := range unitLine.FindAllStringSubmatch(string(text), -1) {
		if seen[m[1]]++; seen[m[1]] > 1 {
			s.t.Errorf("%s has %d results", m[1], seen[m[1]])
		}
	}
	return len(seen), strings.Count(string(text), `{"worker"`)
}

// nothingLeft wants no containers, services or secrets on the nodes.
func (s *swarmYard) nothingLeft() {
	s.t.Helper()
	left := ""
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(time.Second) {
		left = s.nodes[0].run(nil, "service", "ls") + s.nodes[0].run(nil, "secret", "ls")
		if strings.Count(left, "\n") > 2 { // of the headings
			continue
		}
		left = ""
		for _, n := range s.nodes {
			left += n.run(nil, "ps", "-a", "--format", n.name+" {{.Names}} {{.Status}}")
		}
		if left == "" {
			return
		}
	}
	s.t.Errorf("left on the swarm:\n%s", left)
}

// deadNode makes a comparison in which a node dies and does not come back. Its workers are
// replaced, and nothing is left on the others.
func (s *swarmYard) deadNode(shards string) {
	s.t.Helper()
	dead := s.nodes[2]
	s.serve("dead", shards)
	for range 1200 {
		if len(dead.processes("wsconform\x00work\x00")) > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	dead.kill()
	begun := time.Now()
	select {
	case <-s.server.done:
	case <-time.After(20 * time.Minute):
		s.t.Fatalf("with a dead node it did not end; it said:\n%s", s.server.said())
	}
	s.ended(s.server, exitOK)
	units, attempts := s.units("dead")
	s.t.Logf("a dead node: %d units, %d attempts, %v after its death", units, attempts, time.Since(begun).Round(time.Millisecond))
	// The manager takes half a minute to see it.
	if said := s.server.said(); time.Since(begun) > time.Minute && !strings.Contains(said, "nodes that do not answer: ") {
		s.t.Errorf("the server said:\n%s\nwant that a node does not answer", said)
	}
	s.nodes = s.nodes[:2]
	s.nothingLeft()
}
