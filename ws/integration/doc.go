// Package integration tests package ws against programs that others wrote: HTTP
// and SOCKS proxies, WebSocket servers and clients. A test whose program is not
// installed is skipped and says so. The programs listen on free loopback ports,
// keep their files in the test's folder and end with it.
//
// The proxies are the Debian packages squid, tinyproxy, dante-server, microsocks
// and openssh-server; in front of the server stand nginx-light and haproxy, and
// the browser is chromium. WSCONFORM_PYTHON is a Python with the modules that the
// Python tests name (packages websockets, websocket-client, channels and daphne);
// without it python3 is asked.
package integration
