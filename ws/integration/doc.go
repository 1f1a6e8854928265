// Package integration tests package ws against other programs: HTTP and SOCKS proxies,
// WebSocket servers and clients. A test is skipped, with a message, if its program is
// not installed. The programs listen on free loopback ports, keep their files in the
// test's folder, and stop at the end of the test.
//
// The proxies are the Debian packages squid, tinyproxy, dante-server, microsocks and
// openssh-server; nginx-light and haproxy run in front of the server; the browser is
// chromium. WSCONFORM_PYTHON is a Python with the packages websockets,
// websocket-client, channels and daphne, by default python3.
package integration
