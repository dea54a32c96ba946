import type { RunField } from "../api/client.ts";

/** A stretch of a text; fields names what its evidence is, none for plain text. */
export interface Stretch {
  start: number;
  text: string;
  fields: string[];
}

/** The key of a field within a run. */
export function fieldKey(f: Pick<RunField, "step" | "name">): string {
  return `${f.step}.${f.name}`;
}

/**
 * Cuts a text where the evidence of fields begins and ends. Evidence may
 * overlap; what lies outside the text is cut off. The stretches together are
 * the text again.
 */
export function stretches(
  text: string,
  fields: Pick<RunField, "step" | "name" | "evidence">[],
  input: string,
): Stretch[] {
  const spans = fields.flatMap((f) => {
    if (!f.evidence || f.evidence.input !== input) return [];
    const start = Math.max(0, Math.min(f.evidence.start, text.length));
    const end = Math.max(start, Math.min(f.evidence.end, text.length));
    return end > start ? [{ start, end, key: fieldKey(f) }] : [];
  });
  const cuts = [...new Set([0, text.length, ...spans.flatMap((s) => [s.start, s.end])])].sort((a, b) => a - b);
  return cuts.slice(0, -1).map((start, i) => {
    const end = cuts[i + 1] ?? text.length;
    return {
      start,
      text: text.slice(start, end),
      fields: spans.filter((s) => s.start <= start && s.end >= end).map((s) => s.key),
    };
  });
}
