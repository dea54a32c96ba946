import { Button, PasswordInput, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import type { Account, Passkey } from "../api/client.ts";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { PasskeyProblem } from "../session/passkey-sign-in.tsx";
import { passkeysHere } from "../session/ways.ts";
import { useWays } from "../session/session.tsx";
import { Badge } from "../ui/badge.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Panel } from "../ui/panel.tsx";
import css from "./account.module.css";
import { useAddPasskey, useRemovePasskey } from "./queries.ts";

/** The passkeys of the one who is signed in. */
export function Passkeys({ account }: { account: Account }) {
  const { t } = useI18n();
  const ways = useWays();
  const [adding, setAdding] = useState(false);
  const here = account.possible && passkeysHere(ways.data);
  return (
    <Panel
      title={t("account.passkeys")}
      actions={
        here &&
        !adding && (
          <Button size="xs" onClick={() => setAdding(true)}>
            {t("account.passkey.add")}
          </Button>
        )
      }
    >
      {account.passkeys.length > 0 && (
        <ul className={css["rows"]}>
          {account.passkeys.map((p) => (
            <Row key={p.id} passkey={p} />
          ))}
        </ul>
      )}
      {account.possible && account.passkeys.length === 0 && !adding && <p>{t("account.passkeys.none")}</p>}
      {account.possible && ways.data && !here && (
        <p>{t("signIn.passkey.elsewhere", { address: ways.data.site ?? "" })}</p>
      )}
      {!account.possible && <p>{t("account.passkeys.impossible")}</p>}
      {adding && <Add account={account} onDone={() => setAdding(false)} />}
    </Panel>
  );
}

function Row({ passkey: p }: { passkey: Passkey }) {
  const { t, f } = useI18n();
  const [asking, setAsking] = useState(false);
  const remove = useRemovePasskey();
  return (
    <li className={css["row"]}>
      <span>
        <strong>{p.name}</strong>
        {" · "}
        {t("account.passkey.made", { at: f.dateTime(p.createdAt) })}
        {" · "}
        {p.usedAt ? t("account.passkey.used", { at: f.dateTime(p.usedAt) }) : t("account.passkey.never")}
        {p.suspect && (
          <>
            {" "}
            <Badge tone="bad">{t("account.passkey.suspect")}</Badge>
          </>
        )}
      </span>
      <Button
        size="xs"
        variant="default"
        color="red.9"
        aria-label={t("account.passkey.removeOf", { name: p.name })}
        onClick={() => setAsking(true)}
      >
        {t("account.passkey.remove")}
      </Button>
      <Confirm
        opened={asking}
        title={t("account.passkey.remove.title", { name: p.name })}
        action={t("account.passkey.remove")}
        cancel={t("cancel")}
        danger
        busy={remove.isPending}
        onConfirm={() => remove.mutate(p.id, { onSuccess: () => setAsking(false) })}
        onClose={() => setAsking(false)}
      >
        {t("account.passkey.remove.about")}
        {remove.error && <ProblemPanel error={remove.error} />}
      </Confirm>
    </li>
  );
}

function Add({ account, onDone }: { account: Account; onDone: () => void }) {
  const { t } = useI18n();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const add = useAddPasskey();
  const asks = account.hasPassword || account.kind === "directory";
  const ready = name.trim() !== "" && (!asks || password !== "");
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (ready) add.mutate({ name: name.trim(), password }, { onSuccess: onDone });
  };
  return (
    <form className={css["form"]} onSubmit={submit}>
      {add.error && <PasskeyProblem error={add.error} />}
      <TextInput
        label={t("account.passkey.name")}
        description={t("account.passkey.name.about")}
        value={name}
        maxLength={60}
        onChange={(e) => setName(e.currentTarget.value)}
        autoComplete="off"
      />
      {asks && (
        <PasswordInput
          label={t("account.password.old")}
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
          autoComplete="current-password"
          visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
        />
      )}
      <div className={css["foot"]}>
        <Button type="submit" loading={add.isPending} disabled={!ready}>
          {t("account.passkey.add")}
        </Button>
        <Button variant="default" onClick={onDone}>
          {t("cancel")}
        </Button>
      </div>
    </form>
  );
}
