package api

import "skerry/appliance/mission"

// sentence says in plain words what an observation is about.
func sentence(o mission.Observation, lang string) string {
	if s, ok := any(o).(interface{ Sentence(string) string }); ok {
		return s.Sentence(lang)
	}
	return string(o.Kind)
}
