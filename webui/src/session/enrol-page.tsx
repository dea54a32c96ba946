import { Button, PasswordInput, TextInput } from "@mantine/core";
import { type FormEvent, useEffect, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Message } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { SessionCard } from "./card.tsx";
import { PasskeyProblem } from "./passkey-sign-in.tsx";
import { passkeysHere } from "./ways.ts";
import { useEnrol, useEnrolPasskey, useInvitee, useWays } from "./session.tsx";
import { tokenOf } from "./sign-in-page.tsx";
import css from "./sign-in.module.css";

/** Where the link of an administrator leads: a person sets their password, once. */
export function EnrolPage() {
  const { t } = useI18n();
  const { hash } = useLocation();
  const navigate = useNavigate();
  const [token] = useState(() => tokenOf(hash) ?? "");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const invitee = useInvitee(token);
  const enrol = useEnrol();
  const passkey = useEnrolPasskey();
  const ways = useWays();
  useEffect(() => {
    history.replaceState(history.state, "", "/enrol"); // the link leaves no trace in the history
  }, []);

  const differ = again !== "" && again !== password;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (password === "" || again !== password) return;
    enrol.mutate({ token, password }, { onSuccess: () => void navigate("/", { replace: true }) });
  };
  const who = invitee.data;
  return (
    <SessionCard>
      <Page title={t("enrol")} subtitle={who ? t("enrol.about", { name: who.name }) : t("enrol.link")}>
        {invitee.isPending && <Message tone="info" role="status" title={t("enrol.looking")} />}
        {invitee.error && <ProblemPanel error={invitee.error} />}
        {enrol.error && <ProblemPanel error={enrol.error} />}
        {passkey.error && <PasskeyProblem error={passkey.error} />}
        {who && (
          <form className={css["form"]} onSubmit={submit}>
            <TextInput label={t("signIn.login")} value={who.login} readOnly autoComplete="username" />
            <PasswordInput
              label={t("enrol.password")}
              description={t("enrol.password.about")}
              value={password}
              onChange={(e) => setPassword(e.currentTarget.value)}
              autoComplete="new-password"
              visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
            />
            <PasswordInput
              label={t("enrol.again")}
              value={again}
              onChange={(e) => setAgain(e.currentTarget.value)}
              error={differ && t("enrol.differ")}
              autoComplete="new-password"
              visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
            />
            <Button type="submit" loading={enrol.isPending} disabled={password === "" || again !== password}>
              {t("enrol.go")}
            </Button>
          </form>
        )}
        {who && passkeysHere(ways.data) && (
          <div className={css["form"]}>
            <p>{t("enrol.passkey.about")}</p>
            <Button
              variant="default"
              loading={passkey.isPending}
              onClick={() =>
                passkey.mutate(
                  { token, name: t("enrol.passkey.name") },
                  { onSuccess: () => void navigate("/", { replace: true }) },
                )
              }
            >
              {t("enrol.passkey")}
            </Button>
          </div>
        )}
      </Page>
    </SessionCard>
  );
}
