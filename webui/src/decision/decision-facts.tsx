import { Link } from "react-router";
import type { DecisionDetail } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { runName } from "../run/run-row.tsx";
import { Facts } from "../ui/facts.tsx";
import { useNow } from "../ui/live.tsx";
import { humanise } from "../i18n/plain.ts";

/** Where a decision comes from, who may settle it, and until when. */
export function DecisionFacts({ detail }: { detail: DecisionDetail }) {
  const { t, text, f, word } = useI18n();
  const now = useNow();
  const d = detail.decision;
  return (
    <Facts
      rows={[
        [
          t("run"),
          <Link key="r" to={`/runs/${d.run}`}>
            {runName(detail.run)}
          </Link>,
        ],
        [t("detail.mission"), text(d.title)],
        [t("detail.queue"), text(d.queueTitle) || humanise(d.queue)],
        [t("decision.kind"), t(`decisionKind.${d.kind}`)],
        [t("decision.opened"), `${f.dateTime(d.openedAt)} (${f.ago(d.openedAt, now)})`],
        [
          t("detail.expires"),
          d.expires &&
            `${f.dateTime(d.expires)}${d.then ? ` → ${t("decision.then", { then: word("then", d.then) })}` : ""}`,
        ],
        [t("decision.settledAt"), d.settledAt && f.dateTime(d.settledAt)],
        [t("detail.digest"), <code key="d">{d.digest.slice(0, 16)}</code>],
      ]}
    />
  );
}
