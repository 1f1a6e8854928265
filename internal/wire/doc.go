// Package wire turns bytes into what they mean, and says which rules they break.
// It is pure: no clock, no socket. Its layers are the head of an HTTP/1.1 message
// ([ParseHead]), frames ([Decoder]) and the rules about both, each with the
// section of the RFC that asks for it ([Offence]).
package wire
