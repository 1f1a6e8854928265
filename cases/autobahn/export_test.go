package autobahn

import (
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Fails is the want that the tests read strictly.
func Fails(code wsproto.StatusCode, events ...transcript.Event) Want { return failing(code, events...) }

// Tolerate gives it a NON-STRICT reading.
func (w Want) Tolerate(events ...transcript.Event) Want { return w.tolerate(events...) }
