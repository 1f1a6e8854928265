// Package wsproto is the WebSocket protocol without connections: frames, close
// payloads, UTF-8, the headers of the handshake, and compressed messages (RFC 6455,
// RFC 7692).
//
// It is for tools that test or inspect peers; programs use package ws. Nothing here
// does I/O except [ReadHeader]. Functions that write never refuse: they build any
// frame, legal or not. Functions that read report what is wrong as a
// [*ProtocolError] with the section of the RFC.
package wsproto
