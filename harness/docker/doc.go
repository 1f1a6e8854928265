// Package docker is the one place that talks to the Docker engine.
//
// [Connect] finds the engine and names the run; [Engine.Build], [Engine.Pull]
// and [Engine.Import] make images, [Engine.Create] makes a [Container], which
// is started, waited for, read, copied from and removed. A caller that removes
// with defer leaves nothing behind, also after Ctrl-C, since removal does not
// take part in cancellation. What a killed process left is removed by
// [Engine.Clean]: everything made here carries labels that say which run made
// it and which process owned the run.
//
// Where there is no engine, or where it goes away in the middle, every call
// returns an error that matches [ErrNoEngine]; its text says what to do.
//
// Engines from API 1.41 (Docker 20.10) up are supported. Credentials of
// registries are not: images are pulled anonymously.
package docker
