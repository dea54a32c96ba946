package mission

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

// structProvider knows the objects of one mission: inputs, tables, outputs.
type structProvider struct {
	*types.Registry
	structs map[string]map[string]*types.Type
}

// FindStructType implements types.Provider.
func (p *structProvider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.structs[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return nil, false
}

// FindStructFieldNames implements types.Provider.
func (p *structProvider) FindStructFieldNames(name string) ([]string, bool) {
	f, ok := p.structs[name]
	return slices.Sorted(maps.Keys(f)), ok
}

// FindStructFieldType implements types.Provider.
func (p *structProvider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	t, ok := p.structs[name][field]
	if !ok {
		return nil, false
	}
	return &types.FieldType{Type: t}, true
}

// NewValue implements types.Provider: expressions make no objects.
func (p *structProvider) NewValue(name string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("%s cannot be made in an expression", name)
}

// add declares an object type and returns it.
func (p *structProvider) add(name string, fields map[string]*types.Type) *types.Type {
	p.structs[name] = fields
	return types.NewObjectType(name)
}

// scalarType is what a field is to expressions. Every field may be null: a
// nullable one because the document lacks it, any other because its step was
// skipped.
func scalarType(t llm.FieldType) *types.Type {
	switch t {
	case llm.TypeDecimal:
		return decimalType
	case llm.TypeInteger:
		return anyInt
	case llm.TypeDate:
		return dateType
	case llm.TypeBoolean:
		return anyBool
	}
	return anyString
}

// fieldsType declares the object type of a list of fields.
func (p *structProvider) fields(name string, fields []llm.Field) map[string]*types.Type {
	out := map[string]*types.Type{}
	for _, f := range fields {
		if f.Type == llm.TypeList {
			out[f.Name] = types.NewListType(p.add(name+"."+f.Name, p.fields(name+"."+f.Name, f.Of)))
			continue
		}
		out[f.Name] = scalarType(f.Type)
	}
	return out
}

// output declares the type of a step's output: what expressions see under its
// id. Steps inside an each are seen through its items.
func (p *structProvider) output(name string, s *Step, e CompileEnv, depth int) *types.Type {
	f := map[string]*types.Type{}
	switch {
	case s.Extract != nil:
		f = p.fields(name, s.Extract.Fields)
	case s.Classify != nil:
		f["label"] = anyString
	case s.Generate != nil:
		f["text"] = anyString
	case s.Check != nil:
		f["held"], f["reason"] = anyBool, anyString
	case s.Decide != nil:
		for _, k := range []string{"asked", "approved", "rejected", "amended", "expired", "referred"} {
			f[k] = anyBool
		}
		f["reason"], f["by"] = anyString, anyString
	case s.Branch != nil:
		f["taken"] = anyString
	case s.Each != nil:
		item := map[string]*types.Type{}
		for _, in := range stepsIn(s.Each.Steps, false) {
			item[in.ID] = p.output(name+"."+in.ID, in, e, depth)
		}
		f["items"] = types.NewListType(p.add(name+".item", item))
	case s.Mission != nil:
		f["verdict"], f["reason"], f["run"] = anyString, anyString, anyString
		child := map[string]*types.Type{}
		if e.Missions != nil && depth < maxChildren && len(p.structs) < maxStructs {
			if m, ok := e.Missions(s.Mission.Name); ok {
				for _, in := range stepsIn(m.Steps, false) {
					child[in.ID] = p.output(name+".fields."+in.ID, in, e, depth+1)
				}
			}
		}
		f["fields"] = p.add(name+".fields", child)
	}
	for _, k := range outcomeFields {
		f[k] = anyBool
	}
	return p.add(name, f)
}

// maxChildren bounds how deep missions start missions, and maxStructs how many
// objects all of them together may have; what is beyond has no fields.
const (
	maxChildren = 4
	maxStructs  = 5_000
)

// stepsIn returns the steps and those in their branches, in order; with each,
// also those inside each steps.
func stepsIn(steps []Step, each bool) []*Step {
	var out []*Step
	for i := range steps {
		s := &steps[i]
		out = append(out, s)
		if s.Branch != nil {
			for j := range s.Branch.Arms {
				out = append(out, stepsIn(s.Branch.Arms[j].Steps, each)...)
			}
		}
		if s.Each != nil && each {
			out = append(out, stepsIn(s.Each.Steps, each)...)
		}
	}
	return out
}

// adapter passes CEL values through; nothing else is ever handed in.
type adapter struct{}

// NativeToValue implements types.Adapter.
func (adapter) NativeToValue(v any) ref.Val {
	if r, ok := v.(ref.Val); ok {
		return r
	}
	return types.DefaultTypeAdapter.NativeToValue(v)
}

// object makes a CEL value of named values.
func object(fields map[string]ref.Val) ref.Val {
	m := make(map[string]any, len(fields))
	for k, v := range fields {
		m[k] = v
	}
	return types.NewStringInterfaceMap(adapter{}, m)
}

func list(elems []ref.Val) ref.Val { return types.NewRefValList(adapter{}, elems) }

// tableVal is a table as a CEL value.
type tableVal struct{ *table }

// ConvertToNative implements ref.Val.
func (t *tableVal) ConvertToNative(reflect.Type) (any, error) {
	return nil, fmt.Errorf("a table has no other form")
}

// ConvertToType implements ref.Val.
func (t *tableVal) ConvertToType(ref.Type) ref.Val { return types.NewErr("a table has no other form") }

// Equal implements ref.Val.
func (t *tableVal) Equal(other ref.Val) ref.Val { return types.Bool(other == ref.Val(t)) }

// Type implements ref.Val.
func (t *tableVal) Type() ref.Type { return tableType }

// Value implements ref.Val.
func (t *tableVal) Value() any { return t }

func newTable(t policy.Table, found *[]policy.Mention) ref.Val {
	return &tableVal{&table{Table: t, found: found}}
}

// scalarValue reads a value of a field as expressions see it. A value that is
// not of its type is absent: what was not understood is nothing to count on.
func scalarValue(t *types.Type, raw json.RawMessage) ref.Val {
	if len(raw) == 0 || string(raw) == "null" {
		return types.NullValue
	}
	var s string
	isText := json.Unmarshal(raw, &s) == nil
	switch t {
	case decimalType:
		if !isText {
			s = string(raw)
		}
		if d, err := parseDecimal(s); err == nil {
			return d
		}
	case dateType:
		if d, err := parseDate(s); err == nil {
			return d
		}
	case anyInt:
		var i int64
		if json.Unmarshal(raw, &i) == nil {
			return types.Int(i)
		}
	case anyBool:
		var b bool
		if json.Unmarshal(raw, &b) == nil {
			return types.Bool(b)
		}
	case anyString:
		if isText {
			return types.String(s)
		}
	}
	return types.NullValue
}

// value reads JSON as a value of type t. Nothing is missing from an object:
// what the JSON lacks is null.
func (p *structProvider) value(t *types.Type, raw json.RawMessage) ref.Val {
	switch t.Kind() {
	case types.ListKind:
		var elems []json.RawMessage
		if json.Unmarshal(raw, &elems) != nil || elems == nil {
			return types.NullValue
		}
		vals := make([]ref.Val, len(elems))
		for i := range elems {
			vals[i] = p.value(t.Parameters()[0], elems[i])
		}
		return list(vals)
	case types.StructKind:
		var in map[string]json.RawMessage
		_ = json.Unmarshal(raw, &in)
		fields := map[string]ref.Val{}
		for name, ft := range p.structs[t.TypeName()] {
			fields[name] = p.value(ft, in[name])
		}
		return object(fields)
	}
	return scalarValue(t, raw)
}
