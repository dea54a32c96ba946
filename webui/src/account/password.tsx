import { Button, PasswordInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import type { Account } from "../api/client.ts";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Message } from "../ui/message.tsx";
import { Panel } from "../ui/panel.tsx";
import css from "./account.module.css";
import { useSetPassword } from "./queries.ts";

/** Where the password is, and how to change it. */
export function Password({ account }: { account: Account }) {
  const { t } = useI18n();
  return (
    <Panel title={t("account.password")}>
      {account.hasPassword ? (
        <Change login={account.who.id} />
      ) : (
        <p>{t(account.kind === "directory" ? "account.password.directory" : "account.password.none")}</p>
      )}
    </Panel>
  );
}

function Change({ login }: { login: string }) {
  const { t } = useI18n();
  const [old, setOld] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const set = useSetPassword();
  const differ = again !== "" && again !== password;
  const ready = old !== "" && password !== "" && again === password;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (!ready) return;
    set.mutate(
      { old, password },
      {
        onSuccess: () => {
          setOld("");
          setPassword("");
          setAgain("");
        },
      },
    );
  };
  const show = { "aria-label": t("signIn.show") };
  return (
    <form className={css["form"]} onSubmit={submit}>
      {set.isSuccess && <Message tone="good" role="status" title={t("account.password.done")} />}
      {set.error && <ProblemPanel error={set.error} />}
      <input hidden readOnly value={login} autoComplete="username" aria-hidden="true" tabIndex={-1} />
      <PasswordInput
        label={t("account.password.old")}
        value={old}
        onChange={(e) => setOld(e.currentTarget.value)}
        autoComplete="current-password"
        visibilityToggleButtonProps={show}
      />
      <PasswordInput
        label={t("enrol.password")}
        description={t("enrol.password.about")}
        value={password}
        onChange={(e) => setPassword(e.currentTarget.value)}
        autoComplete="new-password"
        visibilityToggleButtonProps={show}
      />
      <PasswordInput
        label={t("enrol.again")}
        value={again}
        onChange={(e) => setAgain(e.currentTarget.value)}
        error={differ && t("enrol.differ")}
        autoComplete="new-password"
        visibilityToggleButtonProps={show}
      />
      <div className={css["foot"]}>
        <Button type="submit" loading={set.isPending} disabled={!ready}>
          {t("account.password.go")}
        </Button>
        <span>{t("account.password.about")}</span>
      </div>
    </form>
  );
}
