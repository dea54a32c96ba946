import { Button, Textarea } from "@mantine/core";
import { useRef, useState } from "react";
import { ProblemPanel } from "../app/problem-panel.tsx";
import type { DecisionDetail, SettleBody } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import type { Key } from "../i18n/translate.ts";
import { Value } from "../run/value.tsx";
import { fieldKey } from "../run/marks.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Icon } from "../ui/icon.tsx";
import { Message } from "../ui/message.tsx";
import css from "./decision.module.css";
import { useSettle } from "./queries.ts";
import { amendmentsOf, type Drafts, obstacle } from "./settle.ts";
import { SubjectFields } from "./subject-fields.tsx";
import { Name } from "../ui/name.tsx";

interface DecisionFormProps {
  detail: DecisionDetail;
  active?: string | null;
  onActive?: (key: string) => void;
  onSettled?: () => void;
}

/**
 * What a decision is about, and the ways to settle it. The digest of what was
 * shown goes with the answer: if the subject has changed, it is refused.
 */
export function DecisionForm({ detail, active = null, onActive, onSettled }: DecisionFormProps) {
  const { t, lang } = useI18n();
  const d = detail.decision;
  const [drafts, setDrafts] = useState<Drafts>({});
  const [reason, setReason] = useState("");
  const [complaint, setComplaint] = useState<Key | null>(null);
  const [asked, setAsked] = useState<SettleBody["outcome"] | null>(null);
  const reasonInput = useRef<HTMLTextAreaElement>(null);
  const settle = useSettle(d.decision, d.run);
  const { amendments, problems } = amendmentsOf(detail.fields, drafts, lang);
  const amendable = detail.fields.some((f) => f.amendable);

  const ask = (outcome: SettleBody["outcome"]) => {
    const why = obstacle(outcome, reason, amendments.length, Object.keys(problems).length);
    setComplaint(why);
    if (why === "settle.reason") reasonInput.current?.focus();
    if (why === null) setAsked(outcome);
  };
  const confirm = () => {
    if (!asked) return;
    settle.mutate(
      { outcome: asked, reason: reason.trim(), digest: d.digest, ...(asked === "amend" && { amendments }) },
      {
        onSuccess: () => onSettled?.(),
        onSettled: () => setAsked(null),
      },
    );
  };

  return (
    <div className={css["form"]}>
      <SubjectFields
        fields={detail.fields}
        drafts={drafts}
        problems={problems}
        editable={d.maySettle}
        active={active}
        onActive={onActive}
        onDraft={(key, draft) => setDrafts({ ...drafts, [key]: draft })}
      />
      {d.maySettle ? (
        <div className={css["settle"]}>
          <Textarea
            ref={reasonInput}
            label={t("reason")}
            description={t("settle.reason.when")}
            autosize={false}
            rows={2}
            value={reason}
            maxLength={2000}
            error={complaint === "settle.reason" && t("settle.reason")}
            onChange={(e) => setReason(e.currentTarget.value)}
          />
          {complaint !== null && complaint !== "settle.reason" && (
            <p className={css["complaint"]} role="alert">
              {t(complaint)}
            </p>
          )}
          {settle.error && <ProblemPanel error={settle.error} />}
          <div className={css["actions"]}>
            {amendments.length > 0 || Object.keys(problems).length > 0 ? (
              <>
                <Button leftSection={<Icon name="text" size={14} />} onClick={() => ask("amend")}>
                  {t("settle.amend", { count: Math.max(1, amendments.length) })}
                </Button>
                <Button variant="default" onClick={() => setDrafts({})}>
                  {t("settle.undo")}
                </Button>
              </>
            ) : (
              <Button leftSection={<Icon name="check" size={14} />} onClick={() => ask("approve")}>
                {t("settle.approve")}
              </Button>
            )}
            <Button variant="default" leftSection={<Icon name="cross" size={14} />} onClick={() => ask("reject")}>
              {t("settle.reject")}
            </Button>
            {amendable && amendments.length === 0 && <span className={css["hint"]}>{t("settle.editable")}</span>}
          </div>
        </div>
      ) : (
        <Message tone="plain" icon="lock" title={t("decision.forOthers")}>
          {d.whyNot}
        </Message>
      )}
      <Confirm
        opened={asked !== null}
        title={t(`settle.confirm.${asked ?? "approve"}`)}
        action={
          asked === "reject"
            ? t("settle.reject")
            : asked === "amend"
              ? t("settle.amend", { count: amendments.length })
              : t("settle.approve")
        }
        cancel={t("cancel")}
        danger={asked === "reject"}
        busy={settle.isPending}
        onConfirm={confirm}
        onClose={() => setAsked(null)}
      >
        <p>{t(`settle.what.${asked ?? "approve"}`)}</p>
        {asked === "amend" && (
          <ul className={css["changes"]}>
            {amendments.map((a) => {
              const f = detail.fields.find((x) => fieldKey(x) === `${a.step}.${a.field}`);
              return (
                <li key={`${a.step}.${a.field}`}>
                  <strong>
                    <Name of={a.field} />
                  </strong>
                  : <del>{f && <Value type={f.type} value={f.value} />}</del> →{" "}
                  <ins>{f && <Value type={f.type} value={a.to} />}</ins>
                </li>
              );
            })}
          </ul>
        )}
        {reason.trim() !== "" && (
          <p>
            {t("reason")}: {reason.trim()}
          </p>
        )}
        <p className={css["digest"]}>
          {t("settle.digest")} <code>{d.digest.slice(0, 16)}</code>
        </p>
      </Confirm>
    </div>
  );
}
