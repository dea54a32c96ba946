import { useI18n } from "../i18n/provider.tsx";
import { Meter } from "../ui/meter.tsx";

interface ConfidenceProps {
  value: number | null;
  minimum?: number;
  source?: "token-probability" | "validator" | "agreement" | "person" | "unknown";
}

/** How sure a value is and what that rests on. */
export function Confidence({ value, minimum = 0, source }: ConfidenceProps) {
  const { t, f } = useI18n();
  return (
    <Meter
      value={value}
      label={value === null ? t("confidence.unknown") : f.percent(shown(value, minimum))}
      minimum={minimum}
      title={t("confidence")}
      {...(source !== undefined && { note: t(`source.${source}`) })}
    />
  );
}

/** To a hundredth, as the sentences of the rail say it; never up to a minimum that was missed. */
function shown(value: number, minimum: number): number {
  const rounded = Math.round(value * 100) / 100;
  return value < minimum && rounded >= minimum ? Math.floor(value * 100) / 100 : rounded;
}
