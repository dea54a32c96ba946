import type { DecisionField, SettleBody } from "../api/client.ts";
import { type Draft, draftOf, type FieldSpec, parseDraft, sameValue } from "../field/parse.ts";
import type { Key, Language } from "../i18n/translate.ts";
import { fieldKey } from "../run/marks.ts";

export type Drafts = Record<string, Draft>;
export type Amendments = NonNullable<SettleBody["amendments"]>;

export function specOfField(f: DecisionField): FieldSpec {
  return {
    name: f.name,
    type: f.type,
    nullable: f.nullable ?? false,
    ...(f.values && { values: f.values }),
    ...(f.of && { of: f.of }),
  };
}

/** What a person changed, and what is wrong with it, both by the key of the field. */
export function amendmentsOf(
  fields: DecisionField[],
  drafts: Drafts,
  lang: Language,
): { amendments: Amendments; problems: Record<string, Key> } {
  const amendments: Amendments = [];
  const problems: Record<string, Key> = {};
  for (const f of fields) {
    const key = fieldKey(f);
    const draft = drafts[key];
    const spec = specOfField(f);
    if (!f.amendable || draft === undefined || sameValue(draft, draftOf(spec, f.value, lang))) continue;
    const parsed = parseDraft(spec, draft, lang);
    if (!parsed.ok) problems[key] = parsed.problem;
    else if (!sameValue(parsed.value, f.value)) amendments.push({ step: f.step, field: f.name, to: parsed.value });
  }
  return { amendments, problems };
}

/** Why a decision cannot be settled that way yet; null if it can. */
export function obstacle(outcome: SettleBody["outcome"], reason: string, changed: number, faulty: number): Key | null {
  if (outcome !== "reject" && faulty > 0) return "settle.faulty";
  if (outcome === "amend" && changed === 0) return "settle.unchanged";
  if (outcome === "approve" && changed > 0) return "settle.changed";
  if (outcome !== "approve" && reason.trim() === "") return "settle.reason";
  return null;
}
