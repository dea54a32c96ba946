package appliance

import "runtime"

// Set by the linker; see the Makefile.
var (
	version = "development"
	commit  = "unknown"
)

// Version says which build this is.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	Target  string `json:"target"`
}

// BuildVersion returns the version of this binary.
func BuildVersion() Version {
	return Version{version, commit, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
}
