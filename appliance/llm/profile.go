package llm

// Profile is the prompt dialect of a family of models: data that belongs to the
// platform, versioned and pinned by every model lock. Its texts may hold the
// placeholders {document}, {fields}, {labels} and {instructions}; nothing else
// is interpreted.
type Profile struct {
	Name     string                    `json:"name"`
	About    string                    `json:"about"`
	Digest   string                    `json:"-"`        // SHA-256 of the file in hex
	Template string                    `json:"template"` // chat template that the runner renders messages with, for example "chatml"
	Tasks    map[TaskKind]*TaskProfile `json:"tasks"`
	Sampling Sampling                  `json:"sampling"`
	Stop     []string                  `json:"stop,omitempty"`
}

// TaskProfile says how one kind of task is put to the model.
type TaskProfile struct {
	System    string               `json:"system,omitempty"`
	User      string               `json:"user"`
	View      View                 `json:"view,omitempty"`      // how the document is shown; empty = as it is
	Prefill   string               `json:"prefill,omitempty"`   // beginning of the answer
	Field     string               `json:"field,omitempty"`     // extract: one line per field, with {name}, {type} and {about}
	Key       string               `json:"key,omitempty"`       // extract: what a value is answered under, with {name} and {about}; empty = the name. See [TaskProfile.AnswerKey]
	Label     string               `json:"label,omitempty"`     // classify: one line per label, with {name} and {about}
	Types     map[FieldType]string `json:"types,omitempty"`     // extract: the dialect's word for a type; a type that is absent cannot be asked for
	Names     map[string]string    `json:"names,omitempty"`     // extract: the dialect's word for a field name; absent = the name itself
	Grounded  bool                 `json:"grounded,omitempty"`  // extract: a schema allows only dates, decimals and texts that stand in the document; for providers that know x-excerptOf
	PerAsk    int                  `json:"perAsk,omitempty"`    // extract: fields per request; 0 = all in one
	MaxTokens int                  `json:"maxTokens,omitempty"` // bound of the output of one request
}
