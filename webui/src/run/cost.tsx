import { useI18n } from "../i18n/provider.tsx";
import { useSession } from "../session/session.tsx";

/** An amount of the site's currency; 0 is said as "free". */
export function Cost({ micros }: { micros: number }) {
  const { t, f } = useI18n();
  const { currency } = useSession();
  if (micros === 0) return <>{t("cost.none")}</>;
  return (
    <span>
      {f.micros(micros)} {currency}
    </span>
  );
}
