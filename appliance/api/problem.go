package api

// Problem is the body of every error (RFC 9457). Detail says what to do.
type Problem struct {
	Type      string    `json:"type" doc:"What kind of problem: about:blank, or a name that programs may branch on, like urn:skerry:decision-settled."`
	Title     string    `json:"title" doc:"The kind of problem in a few words."`
	Status    int       `json:"status" doc:"HTTP status."`
	Detail    string    `json:"detail" doc:"What went wrong here and what to do about it."`
	Reference string    `json:"reference,omitempty" doc:"Names the line in the log of the appliance that says more."`
	Errors    []Finding `json:"errors,omitempty" doc:"The single faults, where there are several."`
}

// Finding is one fault in what was sent: in a mission file by line and column,
// elsewhere by location.
type Finding struct {
	Message  string `json:"message"`
	Location string `json:"location,omitempty" doc:"Place in the request, like body.reason or query.limit."`
	Line     int    `json:"line,omitempty" doc:"Line of the file, from 1."`
	Column   int    `json:"column,omitempty" doc:"Column of the file in characters, from 1."`
	Path     string `json:"path,omitempty" doc:"Place in the mission, like steps[2].check."`
}
