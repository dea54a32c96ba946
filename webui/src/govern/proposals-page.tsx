import { Link } from "react-router";
import type { ProposalEntry } from "../api/client.ts";
import { Loaded } from "../app/loaded.tsx";
import { useI18n } from "../i18n/provider.tsx";
import row from "../run/run-row.module.css";
import { Badge } from "../ui/badge.tsx";
import { useNow } from "../ui/live.tsx";
import { Empty, Message } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { Panel } from "../ui/panel.tsx";
import { useAbout } from "./about.ts";
import css from "./govern.module.css";
import { ProposalBadge } from "./proposal-badge.tsx";
import { useProposals } from "./queries.ts";

export default function ProposalsPage() {
  const { t, f } = useI18n();
  const proposals = useProposals();
  return (
    <Page title={t("nav.proposals")} subtitle={t("proposals.about")}>
      <Loaded query={proposals}>
        {({ proposals: all, waiver }) => {
          const open = all.filter((p) => p.state === "open");
          const settled = all.filter((p) => p.state !== "open");
          return (
            <>
              {waiver && (
                <Message tone="warn" title={t("waiver")}>
                  {t("waiver.about", { name: waiver.by.name, at: f.dateTime(waiver.at), why: waiver.why })}
                </Message>
              )}
              <Panel title={t("proposals.open")} flush>
                {open.length === 0 ? (
                  <Empty icon="check" title={t("proposals.none")}>
                    {t("proposals.none.why")}
                  </Empty>
                ) : (
                  <List proposals={open} />
                )}
              </Panel>
              {settled.length > 0 && (
                <Panel title={t("proposals.settled")} flush>
                  <List proposals={settled} />
                </Panel>
              )}
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}

function List({ proposals }: { proposals: ProposalEntry[] }) {
  const { t, f, word } = useI18n();
  const now = useNow();
  const about = useAbout();
  return (
    <ul className={css["list"]}>
      {proposals.map((p) => (
        <li key={p.id} className={row["row"]} data-proposal={p.id}>
          <div className={row["name"]}>
            <Link to={`/proposals/${p.id}`}>{about(p)}</Link>
            {p.note && <span className={row["note"]}>{p.note}</span>}
            <span className={row["meta"]}>
              {p.id} · {t("proposal.by", { name: p.proposer.name })} ·{" "}
              <time dateTime={p.made}>{f.ago(p.made, now)}</time>
              {p.state === "open" && ` · ${t("proposal.ends", { when: f.ago(p.ends, now) })}`}
              {p.by &&
                (p.how === undefined || p.how === "two-people") &&
                ` · ${t(p.how ? "proposal.approvedBy" : "proposal.settledBy", { name: p.by.name })}`}
              {p.how && p.how !== "two-people" && p.how !== "break-glass" && ` · ${word("proposalHow", p.how)}`}
            </span>
          </div>
          <span className={row["badges"]}>
            {p.mayApprove ? (
              <Badge tone="warn" icon="person">
                {t("proposal.forYou")}
              </Badge>
            ) : (
              <ProposalBadge proposal={p} />
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
