import { useI18n } from "../i18n/provider.tsx";
import { Badge, type Tone } from "../ui/badge.tsx";
import type { IconName } from "../ui/icon.tsx";

const looks = {
  approve: { tone: "good", icon: "check" },
  amend: { tone: "info", icon: "text" },
  reject: { tone: "bad", icon: "cross" },
  expire: { tone: "plain", icon: "clock" },
} as const satisfies Record<string, { tone: Tone; icon: IconName }>;

export function OutcomeBadge({ outcome }: { outcome: keyof typeof looks }) {
  const { t } = useI18n();
  return (
    <Badge tone={looks[outcome].tone} icon={looks[outcome].icon}>
      {t(`outcome.${outcome}`)}
    </Badge>
  );
}
