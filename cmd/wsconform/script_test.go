package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wsconform/wsconform/ws"
)

func TestMain(m *testing.M) {
	// A script's wsconform starts this very program as its watchdog. Without this it would run
	// the tests again, and each of those the next watchdog.
	if slices.Equal(os.Args[1:], watchArgs) {
		main()
	}
	if v := os.Getenv("WSCONFORM_TEST_VERSION"); v != "" {
		version = v
	}
	testscript.Main(m, map[string]func(){
		"wsconform": main,
		"flawed":    func() { os.Exit(flawed(os.Args[1:])) },
		"crlf":      crlf,
	})
}

// The command as users run it, without Docker. At $ECHO there is a server. The command "exits CODE PROGRAM
// ARGS..." runs a program and wants that exit code.
func TestScripts(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &ws.Server{Handler: ws.Echo}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() { // the scripts run in parallel
		_ = server.Shutdown(context.Background())
		<-served
	})
	echo := "ws://" + l.Addr().String()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("VALUE", "X: y\r\nInjected: z")
			env.Setenv("DOCKER_HOST", "unix://"+env.WorkDir+"/no-docker.sock")
			env.Setenv("ECHO", echo)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// crlf runs a command with the escapes \r and \n of its arguments resolved: a script
// of testscript cannot write them.
func crlf() {
	os.Args = os.Args[1:]
	for i, arg := range os.Args {
		os.Args[i] = strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(arg)
	}
	main()
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if neg || got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
