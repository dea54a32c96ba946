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
      label={value === null ? t("confidence.unknown") : f.percent(Math.floor(value * 100) / 100)}
      minimum={minimum}
      title={t("confidence")}
      {...(source !== undefined && { note: t(`source.${source}`) })}
    />
  );
}
