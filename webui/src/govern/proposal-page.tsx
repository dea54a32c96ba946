import { Link, useParams } from "react-router";
import type { ProposalEntry } from "../api/client.ts";
import { Loaded } from "../app/loaded.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Facts } from "../ui/facts.tsx";
import { Message } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { Panel } from "../ui/panel.tsx";
import { useAbout } from "./about.ts";
import css from "./govern.module.css";
import { ProposalBadge } from "./proposal-badge.tsx";
import { ProposalForm } from "./proposal-form.tsx";
import { useProposal } from "./queries.ts";

export default function ProposalPage() {
  const { id = "" } = useParams();
  const { t } = useI18n();
  const proposal = useProposal(id);
  const about = useAbout();
  const p = proposal.data;
  return (
    <Page
      title={p ? about(p) : t("nav.proposals")}
      above={<Link to="/proposals">{t("nav.proposals")}</Link>}
      subtitle={p?.note}
      actions={p && <ProposalBadge proposal={p} />}
    >
      <Loaded query={proposal} lines={8}>
        {(p) => (
          <>
            {p.how === "break-glass" && (
              <Message
                tone={p.alarm ? "bad" : "warn"}
                title={t("proposal.glass", { name: p.by?.name ?? "", reason: p.why ?? "" })}
              >
                {p.acknowledgedBy
                  ? t("proposal.acked", { name: p.acknowledgedBy.name })
                  : p.alarm
                    ? t("proposal.glass.told")
                    : undefined}
              </Message>
            )}
            <Panel title={t("proposal.changes")}>
              <Changes proposal={p} />
            </Panel>
            <ProposalForm key={p.digest} proposal={p} />
            <ProposalFacts proposal={p} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** What is going to be different: in words, or before and after. */
function Changes({ proposal: p }: { proposal: ProposalEntry }) {
  const { t, word } = useI18n();
  const person = p.person;
  if (!person) {
    return p.says.length === 0 ? (
      <p>{t("proposal.same")}</p>
    ) : (
      <ul className={css["says"]}>
        {p.says.map((s) => (
          <li key={s} lang="en">
            {s}
          </li>
        ))}
      </ul>
    );
  }
  const side = (f: typeof person.before) =>
    f
      ? [
          f.name,
          f.roles.length > 0 ? f.roles.map((r) => word("role", r)).join(", ") : t("people.noRoles"),
          ...(f.disabled ? [t("people.disabled")] : []),
        ].join(" · ")
      : t("proposal.noAccount");
  return (
    <Facts
      rows={[
        [t("signIn.login"), <code key="l">{person.login}</code>],
        [t("proposal.before"), side(person.before)],
        [t("proposal.after"), side(person.after)],
      ]}
    />
  );
}

function ProposalFacts({ proposal: p }: { proposal: ProposalEntry }) {
  const { t, f, word } = useI18n();
  return (
    <Panel title={t("proposal.facts")}>
      <Facts
        rows={[
          [t("proposal.id"), p.id],
          [t("proposal.proposedBy"), `${p.proposer.name} (${p.proposer.id})`],
          [t("proposal.made"), f.dateTime(p.made)],
          [t("proposal.endsAt"), p.state === "open" ? f.dateTime(p.ends) : undefined],
          [t("proposal.replaces"), p.replaces && <Link to={`/proposals/${p.replaces}`}>{p.replaces}</Link>],
          [t("proposal.settled"), p.by && `${p.by.name}${p.at ? `, ${f.dateTime(p.at)}` : ""}`],
          [t("proposal.how"), p.how && word("proposalHow", p.how)],
          [t("reason"), p.how === "break-glass" ? undefined : p.why],
          [t("proposal.digest"), <code key="d">{p.digest}</code>],
          [t("proposal.base"), p.base && <code key="b">{p.base}</code>],
        ]}
      />
    </Panel>
  );
}
