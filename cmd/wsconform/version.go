package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

// The linker sets these in builds that know better than Go's build information:
// the version, such as "v1.2.0", and the time of the commit, as in RFC 3339.
var version, date string

// toolVersion returns the version of the program.
func toolVersion() string {
	info, _ := debug.ReadBuildInfo()
	return versionOf(version, info)
}

// versionOf returns the linker's version. Without one it returns the version of the
// module, which go install and a build in a clone record, or "devel".
func versionOf(linked string, info *debug.BuildInfo) string {
	switch {
	case linked != "":
		return linked
	case info != nil && info.Main.Version != "" && info.Main.Version != "(devel)":
		return info.Main.Version
	}
	return "devel"
}

// commitTime returns the time of the commit that the program was built from, or
// the start of 1970 if it is unknown.
func commitTime() time.Time {
	info, _ := debug.ReadBuildInfo()
	return commitTimeOf(date, info)
}

func commitTimeOf(linked string, info *debug.BuildInfo) time.Time {
	text := linked
	if text == "" && info != nil {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				text = s.Value
			}
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Unix(0, 0).UTC()
	}
	return t.UTC()
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			fmt.Fprintf(c.OutOrStdout(), "wsconform %s (%s, %s/%s)\n", toolVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
