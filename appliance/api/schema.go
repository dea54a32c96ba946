package api

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// enum is a schema for a string type whose values are known. One zero-size
// type per domain type, because huma finds a schema by type.
func enum[T ~string](values ...T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

type (
	confidenceSchema struct{}
	textSchema       struct{}
	stateSchema      struct{}
	kindSchema       struct{}
	boundarySchema   struct{}
	taskSchema       struct{}
	fieldTypeSchema  struct{}
	sourceSchema     struct{}
	errorKindSchema  struct{}
	decisionSchema   struct{}
	outcomeSchema    struct{}
	objectiveSchema  struct{}
	reasonSchema     struct{}
)

func (confidenceSchema) Schema(huma.Registry) *huma.Schema {
	zero, one := 0.0, 1.0
	return &huma.Schema{Type: huma.TypeNumber, Nullable: true, Minimum: &zero, Maximum: &one,
		Description: "A number in [0, 1], or null if nothing is known, which escalates."}
}

func (textSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString},
		Description: `Text by language; the key "" holds a text without a language.`}
}

func (stateSchema) Schema(huma.Registry) *huma.Schema { return enum(mission.States()...) }

func (kindSchema) Schema(huma.Registry) *huma.Schema {
	return enum(mission.KindCreated, mission.KindRead, mission.KindClassified, mission.KindRouted, mission.KindParked,
		mission.KindResumed, mission.KindGenerated, mission.KindFailed, mission.KindChecked, mission.KindEscalated,
		mission.KindQueued, mission.KindDecided, mission.KindBranched, mission.KindOpened, mission.KindStarted,
		mission.KindReturned, mission.KindSettled, mission.KindVerdict)
}

func (boundarySchema) Schema(huma.Registry) *huma.Schema {
	return enum(llm.Embedded, llm.Site, llm.External)
}

func (taskSchema) Schema(huma.Registry) *huma.Schema {
	return enum(llm.TaskExtract, llm.TaskClassify, llm.TaskGenerate)
}

func (fieldTypeSchema) Schema(huma.Registry) *huma.Schema {
	return enum(llm.TypeString, llm.TypeDecimal, llm.TypeInteger, llm.TypeDate, llm.TypeBoolean, llm.TypeEnum, llm.TypeIBAN, llm.TypeList)
}

func (sourceSchema) Schema(huma.Registry) *huma.Schema {
	return enum(llm.FromTokens, llm.FromValidator, llm.FromAgreement, llm.FromPerson, llm.FromNothing)
}

func (errorKindSchema) Schema(huma.Registry) *huma.Schema {
	return enum(llm.RateLimited, llm.Unavailable, llm.Invalid, llm.Unauthorised, llm.Filtered, llm.ContextOverflow, llm.Timeout, llm.Cancelled)
}

func (decisionSchema) Schema(huma.Registry) *huma.Schema {
	return enum(mission.Gate, mission.Uncertain)
}

func (outcomeSchema) Schema(huma.Registry) *huma.Schema {
	return enum(mission.Approve, mission.Reject, mission.Amend, mission.Expire)
}

func (objectiveSchema) Schema(huma.Registry) *huma.Schema {
	return enum(policy.ByOrder, policy.ByCost, policy.ByQuality, policy.ByLatency)
}

func (reasonSchema) Schema(huma.Registry) *huma.Schema {
	return enum(policy.NotEnabled, policy.BelowClass, policy.BoundaryClosed, policy.NotCapable, policy.TooLong,
		policy.OverBudget, policy.Down, policy.AlreadyTried, policy.NotInPool, policy.NotPreferred)
}

// describe tells the registry what domain types look like on the wire where
// their Go kind does not say it: the domain packages do not know huma.
func describe(r huma.Registry) {
	alias[llm.Confidence, confidenceSchema](r)
	alias[mission.Text, textSchema](r)
	alias[mission.State, stateSchema](r)
	alias[mission.Kind, kindSchema](r)
	alias[llm.Boundary, boundarySchema](r)
	alias[llm.TaskKind, taskSchema](r)
	alias[llm.FieldType, fieldTypeSchema](r)
	alias[llm.ConfidenceSource, sourceSchema](r)
	alias[llm.ErrorKind, errorKindSchema](r)
	alias[mission.DecisionKind, decisionSchema](r)
	alias[mission.DecisionOutcome, outcomeSchema](r)
	alias[policy.Objective, objectiveSchema](r)
	alias[policy.Reason, reasonSchema](r)
	alias[huma.ErrorModel, Problem](r)
}

func alias[From, To any](r huma.Registry) {
	r.RegisterTypeAlias(reflect.TypeFor[From](), reflect.TypeFor[To]())
}

// neverNull says in every schema what [whole] makes true: lists are never null.
func neverNull(doc *huma.OpenAPI) {
	seen := map[*huma.Schema]bool{}
	var walk func(s *huma.Schema)
	walk = func(s *huma.Schema) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		if s.Type == huma.TypeArray {
			s.Nullable = false
		}
		walk(s.Items)
		if a, ok := s.AdditionalProperties.(*huma.Schema); ok {
			walk(a)
		}
		for _, p := range s.Properties {
			walk(p)
		}
		for _, list := range [][]*huma.Schema{s.OneOf, s.AnyOf, s.AllOf} {
			for _, p := range list {
				walk(p)
			}
		}
	}
	for _, s := range doc.Components.Schemas.Map() {
		walk(s)
	}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete, item.Patch} {
			if op == nil {
				continue
			}
			if op.RequestBody != nil {
				for _, m := range op.RequestBody.Content {
					walk(m.Schema)
				}
			}
			for _, resp := range op.Responses {
				for _, m := range resp.Content {
					walk(m.Schema)
				}
			}
		}
	}
}
