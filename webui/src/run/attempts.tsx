import type { RunStep } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Badge } from "../ui/badge.tsx";
import { Confidence } from "./confidence.tsx";
import { Cost } from "./cost.tsx";
import css from "./run.module.css";

/** All attempts of a step side by side: what each cost and which one fed the next step. */
export function Attempts({ step }: { step: RunStep }) {
  const { t, f } = useI18n();
  return (
    <table className={css["attempts"]}>
      <caption>{t("attempts.of", { step: step.path })}</caption>
      <thead>
        <tr>
          <th scope="col">{t("attempts.attempt")}</th>
          <th scope="col">{t("detail.model")}</th>
          <th scope="col">{t("confidence")}</th>
          <th scope="col">{t("detail.cost")}</th>
        </tr>
      </thead>
      <tbody>
        {step.attempts.map((a) => (
          <tr key={a.attempt} data-used={a.used || undefined}>
            <th scope="row">
              {a.attempt}{" "}
              {a.used ? (
                <Badge tone="good" icon="check">
                  {t("attempts.used")}
                </Badge>
              ) : (
                a.state === "calling" && <Badge tone="info">{t("attempts.calling")}</Badge>
              )}
            </th>
            <td>
              {a.model}
              <div className={css["dim"]}>{a.pool}</div>
            </td>
            <td>
              {a.state === "failed"
                ? (a.error ?? t("attempts.failed"))
                : a.state === "answered" && <Confidence value={a.confidence} minimum={a.minimum} />}
            </td>
            <td>
              {a.state !== "calling" && (
                <>
                  <Cost micros={a.costMicros} />
                  <div className={css["dim"]}>{f.duration(a.usage.durationMicros)}</div>
                </>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
