package api

import (
	"encoding/json"
	"io"
	"reflect"
	"time"
)

// writeJSON writes v with empty lists and maps where Go has nil ones: a list
// that is sometimes null breaks clients on the day that it is empty.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(whole(v))
}

// whole returns v with nil slices and maps replaced by empty ones. It copies
// what it changes, because v may be shared, as the active policy is.
func whole(v any) any {
	if v == nil {
		return nil
	}
	return fill(reflect.ValueOf(v)).Interface()
}

var (
	marshaler = reflect.TypeFor[json.Marshaler]()
	rawType   = reflect.TypeFor[json.RawMessage]()
	timeType  = reflect.TypeFor[time.Time]()
)

func fill(v reflect.Value) reflect.Value {
	t := v.Type()
	if t == rawType || t == timeType || t.Implements(marshaler) {
		return v
	}
	switch t.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		p := reflect.New(t.Elem())
		p.Elem().Set(fill(v.Elem()))
		return p
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		i := reflect.New(t).Elem()
		i.Set(fill(v.Elem()))
		return i
	case reflect.Struct:
		s := reflect.New(t).Elem()
		s.Set(v)
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				s.Field(i).Set(fill(v.Field(i)))
			}
		}
		return s
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return v
		}
		s := reflect.MakeSlice(t, v.Len(), v.Len())
		for i := range v.Len() {
			s.Index(i).Set(fill(v.Index(i)))
		}
		return s
	case reflect.Map:
		m := reflect.MakeMapWithSize(t, v.Len())
		for it := v.MapRange(); it.Next(); {
			m.SetMapIndex(it.Key(), fill(it.Value()))
		}
		return m
	}
	return v
}
