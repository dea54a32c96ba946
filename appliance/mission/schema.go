package mission

import (
	_ "embed" // the schema travels with the code that enforces it
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (2020-12) of the mission file, for completion
// in editors. What it refuses, [Parse] refuses too; the reverse does not hold,
// because a schema knows nothing of expressions and references.
func Schema() []byte { return slices.Clone(schema) }
