import type { ProposalEntry } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";

/** Names a proposal in a few words: its kind, and what it is about. */
export function useAbout(): (p: ProposalEntry) => string {
  const { t } = useI18n();
  return (p) => {
    const object = p.policy ? String(p.policy.version) : (p.person?.after?.name ?? p.person?.before?.name ?? "");
    return t(`proposalKind.${p.kind}`, { object });
  };
}
