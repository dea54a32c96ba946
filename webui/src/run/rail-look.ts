import type { RailEvent } from "../api/client.ts";
import type { Tone } from "../ui/badge.tsx";
import type { IconName } from "../ui/icon.tsx";
import { verdictLook } from "./badges.tsx";

interface Look {
  icon: IconName;
  tone: Tone;
}

const looks: Record<RailEvent["kind"], Look> = {
  created: { icon: "play", tone: "plain" },
  read: { icon: "file", tone: "plain" },
  classified: { icon: "shield", tone: "plain" },
  routed: { icon: "route", tone: "info" },
  parked: { icon: "pause", tone: "special" },
  resumed: { icon: "play", tone: "info" },
  generated: { icon: "spark", tone: "info" },
  failed: { icon: "alert", tone: "bad" },
  checked: { icon: "check", tone: "good" },
  escalated: { icon: "up", tone: "warn" },
  queued: { icon: "person", tone: "warn" },
  decided: { icon: "scale", tone: "good" },
  branched: { icon: "branch", tone: "plain" },
  opened: { icon: "list", tone: "plain" },
  started: { icon: "flag", tone: "plain" },
  returned: { icon: "flag", tone: "plain" },
  settled: { icon: "check", tone: "plain" },
  verdict: { icon: "flag", tone: "plain" },
};

/** The sign of an observation: what it is, and whether it is good news. */
export function railLook(e: RailEvent): Look {
  const look = looks[e.kind];
  if (e.read?.problem) return { icon: "alert", tone: "bad" };
  if (e.classified && e.classified.class !== e.classified.from) return { ...look, tone: "special" };
  if (e.checked && !e.checked.held) return { icon: "cross", tone: "bad" };
  if (e.settled?.broken) return { icon: "alert", tone: "bad" };
  if (e.settled?.skipped) return { icon: "skip", tone: "plain" };
  if (e.decided) {
    const tones = { approve: "good", amend: "good", reject: "bad", expire: "warn" } as const;
    return { ...look, tone: tones[e.decided.outcome] };
  }
  if (e.generated) {
    const { confidence, minimum } = e.generated;
    if (confidence === null || confidence < minimum) return { ...look, tone: "warn" };
  }
  if (e.verdict) return verdictLook(e.verdict.is);
  return look;
}

/** The observations that say something to a person; a step that settled as its answer said adds nothing. */
export function worthALine(e: RailEvent): boolean {
  return !(e.kind === "settled" && e.settled && !e.settled.skipped && !e.settled.broken);
}
