import { Link } from "react-router";
import type { DecisionEntry } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { ClassBadge } from "../policy/class-badge.tsx";
import { Badge } from "../ui/badge.tsx";
import css from "../run/run-row.module.css";
import { OutcomeBadge } from "./outcome-badge.tsx";
import { useSaid } from "../policy/said.ts";
import { humanise } from "../i18n/plain.ts";

/** One decision in a list: what is asked, about what, and until when. */
export function DecisionRow({ decision: d, now }: { decision: DecisionEntry; now: number }) {
  const { t, text, f } = useI18n();
  const said = useSaid();
  return (
    <li className={css["row"]}>
      <div className={css["name"]}>
        <Link to={`/decisions/${encodeURIComponent(d.decision)}`}>{text(d.ask)}</Link>
        <span className={css["note"]}>
          {d.about} {d.why && `· ${said(d.why)}`}
        </span>
        <span className={css["meta"]}>
          {text(d.title)} · {text(d.queueTitle) || humanise(d.queue)} ·{" "}
          <time dateTime={d.openedAt}>{f.ago(d.openedAt, now)}</time>
          {!d.settled && d.expires && ` · ${t("decision.expires", { when: f.ago(d.expires, now) })}`}
        </span>
      </div>
      <span className={css["badges"]}>
        <ClassBadge name={d.class} />
        {d.settled ? (
          <OutcomeBadge outcome={d.settled.outcome} />
        ) : d.maySettle ? (
          <Badge tone="warn" icon="person">
            {t("decision.forYou")}
          </Badge>
        ) : (
          <Badge icon="lock">{t("decision.forOthers")}</Badge>
        )}
      </span>
    </li>
  );
}
