import { Link } from "react-router";
import type { ProposalRef } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Message } from "../ui/message.tsx";

/** What a change has become that takes two people: nothing yet. */
export function WaitingNote({ proposal: p }: { proposal: ProposalRef }) {
  const { t, f } = useI18n();
  return (
    <Message
      tone="info"
      icon="clock"
      role="status"
      title={t("proposal.waits", { id: p.id })}
      actions={<Link to={`/proposals/${p.id}`}>{t("proposal.see")}</Link>}
    >
      {t("proposal.waits.about", { ends: f.dateTime(p.ends) })}
    </Message>
  );
}
