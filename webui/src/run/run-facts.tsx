import { Link } from "react-router";
import type { RunDetail } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { useNow } from "../ui/live.tsx";
import { Cost } from "./cost.tsx";
import css from "./run.module.css";

/** The run in figures: who, when, which models, what it cost. */
export function RunFacts({ detail }: { detail: RunDetail }) {
  const { t, text, f } = useI18n();
  const now = useNow();
  const s = detail.summary;
  return (
    <ul className={css["facts"]}>
      <li>
        <Link to={`/missions/${s.mission}`}>{text(detail.title) || s.mission}</Link> v{s.version}
      </li>
      <li>
        {t("run.by", { name: s.by })}{" "}
        <time dateTime={s.createdAt} title={f.dateTime(s.createdAt)}>
          {f.ago(s.createdAt, now)}
        </time>
      </li>
      {s.models.length > 0 && <li>{t("run.models", { models: s.models.join(", ") })}</li>}
      <li>{t("run.tokens", { input: s.usage.inputTokens, output: s.usage.outputTokens })}</li>
      <li>
        <Cost micros={s.costMicros} />
      </li>
      {s.escalations > 0 && <li>{t("run.escalations", { count: s.escalations })}</li>}
      {s.parent && (
        <li>
          <Link to={`/runs/${s.parent}`}>{t("run.parent")}</Link>
        </li>
      )}
      {detail.children.map((c, i) => (
        <li key={c}>
          <Link to={`/runs/${c}`}>{t("run.child", { number: i + 1 })}</Link>
        </li>
      ))}
    </ul>
  );
}
