import { Button, CopyButton } from "@mantine/core";
import { useState } from "react";
import type { GivenKey, ServiceKey } from "../api/client.ts";
import { Loaded } from "../app/loaded.tsx";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Badge } from "../ui/badge.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Message } from "../ui/message.tsx";
import { Panel } from "../ui/panel.tsx";
import { AddKey } from "./add-key.tsx";
import css from "./people.module.css";
import { useRevokeKey, useServiceKeys } from "./queries.ts";

/** The keys of programs: what they are for, and when they were used. */
export function KeyPanel({ mayWrite }: { mayWrite: boolean }) {
  const { t } = useI18n();
  const keys = useServiceKeys();
  const [adding, setAdding] = useState(false);
  const [given, setGiven] = useState<GivenKey>();
  return (
    <Panel
      title={t("keys")}
      actions={
        mayWrite &&
        !adding && (
          <Button size="xs" variant="default" onClick={() => setAdding(true)}>
            {t("keys.add")}
          </Button>
        )
      }
    >
      <div className={css["form"]}>
        <p className={css["facts"]}>{t("keys.about")}</p>
        {given && <Given given={given} onClose={() => setGiven(undefined)} />}
        {adding && (
          <AddKey
            onDone={(k) => {
              setGiven(k);
              setAdding(false);
            }}
            onClose={() => setAdding(false)}
          />
        )}
        <Loaded query={keys}>
          {({ keys }) =>
            keys.length === 0 ? (
              <p>{t("keys.none")}</p>
            ) : (
              <ul className={css["cards"]}>
                {keys.map((k) => (
                  <KeyCard key={k.name} item={k} mayWrite={mayWrite} />
                ))}
              </ul>
            )
          }
        </Loaded>
      </div>
    </Panel>
  );
}

function KeyCard({ item: k, mayWrite }: { item: ServiceKey; mayWrite: boolean }) {
  const { t, f, word } = useI18n();
  const [asking, setAsking] = useState(false);
  const revoke = useRevokeKey(k.name);
  return (
    <li className={css["card"]} data-key={k.name}>
      <div className={css["head"]}>
        <h3>{k.name}</h3>
        {k.ended && <Badge tone="bad">{t("keys.ended")}</Badge>}
      </div>
      <p className={css["facts"]}>
        {k.roles.map((r) => word("role", r)).join(", ")}
        {" · "}
        {k.allMissions ? t("keys.all") : t("keys.only", { missions: k.missions.join(", ") })}
        {" · "}
        {t("keys.until", { ends: f.dateTime(k.ends) })}
        {" · "}
        {k.lastUsed ? t("keys.used", { at: f.dateTime(k.lastUsed), from: k.source ?? "" }) : t("keys.unused")}
      </p>
      {revoke.error && <ProblemPanel error={revoke.error} />}
      {mayWrite && (
        <div className={css["foot"]}>
          <Button size="xs" variant="default" color="red.9" onClick={() => setAsking(true)}>
            {t("keys.revoke")}
          </Button>
        </div>
      )}
      <Confirm
        opened={asking}
        title={t("keys.revoke.title", { name: k.name })}
        action={t("keys.revoke")}
        cancel={t("cancel")}
        danger
        busy={revoke.isPending}
        onConfirm={() => revoke.mutate(undefined, { onSuccess: () => setAsking(false) })}
        onClose={() => setAsking(false)}
      >
        {t("keys.revoke.about")}
      </Confirm>
    </li>
  );
}

/** A new key, which is shown once. */
function Given({ given, onClose }: { given: GivenKey; onClose: () => void }) {
  const { t } = useI18n();
  return (
    <Message
      tone="good"
      role="status"
      title={t("keys.given", { name: given.name })}
      actions={
        <>
          <CopyButton value={given.key}>
            {({ copied, copy }) => (
              <Button size="xs" onClick={copy}>
                {t(copied ? "people.copied" : "keys.copy")}
              </Button>
            )}
          </CopyButton>
          <Button size="xs" variant="default" onClick={onClose}>
            {t("people.done")}
          </Button>
        </>
      }
    >
      <p>{t("keys.given.about")}</p>
      <code className={css["address"]}>{given.key}</code>
    </Message>
  );
}
