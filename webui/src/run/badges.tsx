import type { Summary } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Badge, type Tone } from "../ui/badge.tsx";
import type { IconName } from "../ui/icon.tsx";

const verdicts: Record<string, { tone: Tone; icon: IconName }> = {
  approved: { tone: "good", icon: "check" },
  rejected: { tone: "bad", icon: "cross" },
  referred: { tone: "warn", icon: "person" },
  abstained: { tone: "plain", icon: "skip" },
  failed: { tone: "bad", icon: "alert" },
  cancelled: { tone: "plain", icon: "stop" },
};
const states: Record<Summary["state"], { tone: Tone; icon: IconName }> = {
  running: { tone: "info", icon: "play" },
  waiting: { tone: "warn", icon: "person" },
  parked: { tone: "special", icon: "pause" },
  ended: { tone: "plain", icon: "check" },
};

/** How a verdict looks; one that only a mission knows is neither good nor bad. */
export function verdictLook(is: string): { tone: Tone; icon: IconName } {
  return verdicts[is] ?? { tone: "info", icon: "flag" };
}

export function VerdictBadge({ is }: { is: string }) {
  const { word } = useI18n();
  const look = verdictLook(is);
  return (
    <Badge tone={look.tone} icon={look.icon}>
      {word("verdict", is)}
    </Badge>
  );
}

/** Where a run stands: its verdict once it has one, its state until then. */
export function StatusBadge({ run }: { run: Pick<Summary, "state" | "verdict"> }) {
  const { t } = useI18n();
  if (run.verdict) return <VerdictBadge is={run.verdict} />;
  const look = states[run.state];
  return (
    <Badge tone={look.tone} icon={look.icon}>
      {t(`state.${run.state}`)}
    </Badge>
  );
}
