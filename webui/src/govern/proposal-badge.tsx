import type { ProposalEntry } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Badge, type Tone } from "../ui/badge.tsx";

const tones: Record<ProposalEntry["state"], Tone> = {
  open: "warn",
  approved: "info",
  applied: "good",
  rejected: "bad",
  withdrawn: "plain",
  expired: "plain",
  void: "plain",
};

/** How far a proposal is; a broken glass is told apart. */
export function ProposalBadge({ proposal: p }: { proposal: ProposalEntry }) {
  const { word } = useI18n();
  if (p.how === "break-glass") {
    return (
      <Badge tone="bad" icon="alert">
        {word("proposalHow", p.how)}
      </Badge>
    );
  }
  return <Badge tone={tones[p.state]}>{word("proposalState", p.state)}</Badge>;
}
