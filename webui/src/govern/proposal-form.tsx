import { Button, Textarea } from "@mantine/core";
import { useState } from "react";
import type { ProposalEntry } from "../api/client.ts";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Icon } from "../ui/icon.tsx";
import { Message } from "../ui/message.tsx";
import { Panel } from "../ui/panel.tsx";
import css from "./govern.module.css";
import { useWord, type Word } from "./queries.ts";

/** The least that is said about breaking the glass, as the appliance asks for it. */
const minReason = 10;

/**
 * The ways to settle a proposal. The digest of what was shown goes with an
 * approval: if the proposal is another by then, it is refused.
 */
export function ProposalForm({ proposal: p }: { proposal: ProposalEntry }) {
  const { t } = useI18n();
  const [asked, setAsked] = useState<Word["do"]>();
  const [reason, setReason] = useState("");
  const word = useWord(p.id);
  const done = { onSettled: () => setAsked(undefined) };
  const say = (): Word | undefined => {
    switch (asked) {
      case "approve":
        return { do: asked, digest: p.digest };
      case "break-glass":
        return { do: asked, digest: p.digest, reason: reason.trim() };
      case "reject":
        return { do: asked, reason: reason.trim() };
      case "withdraw":
      case "acknowledge":
        return { do: asked };
      default:
        return undefined;
    }
  };
  const least = asked === "break-glass" ? minReason : asked === "reject" ? 1 : 0;
  const open = p.state === "open";
  if (!open && !p.mayAcknowledge) return word.error ? <ProblemPanel error={word.error} /> : null;
  return (
    <Panel title={t("proposal.word")}>
      <div className={css["form"]}>
        {open && !p.mayApprove && p.whyNot && (
          <Message tone="plain" icon="lock" title={t("proposal.notYou")}>
            {p.whyNot}
          </Message>
        )}
        {word.error && <ProblemPanel error={word.error} />}
        <div className={css["actions"]}>
          {p.mayApprove && (
            <Button leftSection={<Icon name="check" size={14} />} onClick={() => setAsked("approve")}>
              {t("proposal.approve")}
            </Button>
          )}
          {p.mayReject && (
            <Button variant="default" leftSection={<Icon name="cross" size={14} />} onClick={() => setAsked("reject")}>
              {t("proposal.reject")}
            </Button>
          )}
          {p.mayWithdraw && (
            <Button variant="default" onClick={() => setAsked("withdraw")}>
              {t("proposal.withdraw")}
            </Button>
          )}
          {p.mayBreakGlass && !p.mayApprove && (
            <Button variant="default" color="red.9" onClick={() => setAsked("break-glass")}>
              {t("proposal.breakGlass")}
            </Button>
          )}
          {p.mayAcknowledge && <Button onClick={() => setAsked("acknowledge")}>{t("proposal.acknowledge")}</Button>}
        </div>
      </div>
      <Confirm
        opened={asked !== undefined}
        title={t(`proposal.confirm.${asked ?? "approve"}`, { id: p.id })}
        action={t(`proposal.do.${asked ?? "approve"}`)}
        cancel={t("cancel")}
        danger={asked === "break-glass"}
        busy={word.isPending}
        disabled={reason.trim().length < least}
        onConfirm={() => {
          const w = say();
          if (w) word.mutate(w, done);
        }}
        onClose={() => setAsked(undefined)}
      >
        <p>{t(`proposal.about.${asked ?? "approve"}`)}</p>
        {least > 0 && (
          <Textarea
            label={t("reason")}
            rows={3}
            value={reason}
            maxLength={1000}
            onChange={(e) => setReason(e.currentTarget.value)}
          />
        )}
      </Confirm>
    </Panel>
  );
}
