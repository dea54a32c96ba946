package api

import (
	"log"
	"net/http"
	"time"
)

// NewServer returns a server for h whose limits suit h: headers must come
// quickly and be small, idle connections end, but no deadline covers a whole
// response, because event streams live long; h sets deadlines of its own.
// Shutdown ends the event streams if h is an [*API].
func NewServer(h http.Handler) *http.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		// OPTIONS * too gets the headers of every answer.
		DisableGeneralOptionsHandler: true,
	}
	if c, ok := h.(interface{ Close() }); ok {
		s.RegisterOnShutdown(c.Close)
	}
	if a, ok := h.(*API); ok {
		s.ErrorLog = log.New(logWriter{a}, "", 0)
	}
	return s
}

// logWriter sends what net/http has to say to the log of the appliance. It is
// about what strangers do to a connection, so it is of little weight.
type logWriter struct{ a *API }

func (l logWriter) Write(b []byte) (int, error) {
	l.a.Log.Debug("http", "message", string(b))
	return len(b), nil
}
