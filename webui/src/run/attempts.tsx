import type { RunStep } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Badge } from "../ui/badge.tsx";
import { Confidence } from "./confidence.tsx";
import { Cost } from "./cost.tsx";
import css from "./run.module.css";
import { humanise } from "../i18n/plain.ts";

/** All attempts of a step, one under the other: what each cost and which one fed the next step. */
export function Attempts({ step }: { step: RunStep }) {
  const { t, f } = useI18n();
  return (
    <ol className={css["attempts"]} aria-label={t("attempts.of", { step: humanise(step.path) })}>
      {step.attempts.map((a) => (
        <li key={a.attempt} data-used={a.used || undefined}>
          <div className={css["attemptHead"]}>
            <strong>{t("field.attempt", { attempt: a.attempt })}</strong>
            <span>
              {a.model} <span className={css["dim"]}>({a.pool})</span>
            </span>
            {a.used ? (
              <Badge tone="good" icon="check">
                {t("attempts.used")}
              </Badge>
            ) : (
              <Badge tone={a.state === "failed" ? "bad" : "plain"}>
                {t(a.state === "answered" ? "attempts.unused" : `attempts.${a.state}`)}
              </Badge>
            )}
          </div>
          {a.error && <p>{a.error}</p>}
          {a.state !== "calling" && (
            <div className={css["attemptFigures"]}>
              {a.state === "answered" && <Confidence value={a.confidence} minimum={a.minimum} />}
              <Cost micros={a.costMicros} />
              <span>{f.duration(a.usage.durationMicros)}</span>
            </div>
          )}
        </li>
      ))}
    </ol>
  );
}
