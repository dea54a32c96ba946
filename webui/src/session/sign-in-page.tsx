import { Button, PasswordInput, TextInput } from "@mantine/core";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import { problemOf } from "../api/problem.ts";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Message } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { SessionCard } from "./card.tsx";
import { PasskeyProblem, PasskeySignIn } from "./passkey-sign-in.tsx";
import { useClientCertificate, useSignIn, useSignInPasskey, useSignInWithCertificate } from "./session.tsx";
import css from "./sign-in.module.css";

/** The token behind "#token=" of a link; the fragment never leaves the browser by itself. */
export function tokenOf(hash: string): string | null {
  return new URLSearchParams(hash.replace(/^#/, "")).get("token");
}

/** The page that a person came from, if it is one of ours. */
export function backOf(state: unknown): string {
  if (typeof state !== "object" || state === null) return "/";
  const back: unknown = Reflect.get(state, "back");
  return typeof back === "string" && /^\/(?!\/)/.test(back) ? back : "/";
}

export function SignInPage() {
  const { t } = useI18n();
  const location = useLocation();
  const { hash } = location;
  const state: unknown = location.state;
  const navigate = useNavigate();
  const signIn = useSignIn();
  const certificate = useClientCertificate();
  const withCertificate = useSignInWithCertificate();
  const passkey = useSignInPasskey();
  const [login, setLogin] = useState("");
  const [password, setPassword] = useState("");
  // Where no certificate is asked for, that is nobody's concern.
  const refused = certificate.error && problemOf(certificate.error).type === "urn:skerry:certificate-refused";
  const token = tokenOf(hash);
  const used = useRef<string | null>(null);
  const { mutate } = signIn;

  useEffect(() => {
    if (token === null || used.current === token) return;
    used.current = token; // a link works once; effects may run twice
    history.replaceState(history.state, "", "/sign-in"); // and it leaves no trace in the history
    mutate({ token }, { onSuccess: () => void navigate(backOf(state), { replace: true }) });
  }, [token, mutate, navigate, state]);

  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (login === "" || password === "") return;
    mutate(
      { login, password },
      {
        onSuccess: () => void navigate(backOf(state), { replace: true }),
        onError: () => setPassword(""),
      },
    );
  };
  return (
    <SessionCard>
      <Page title={t("signIn")} subtitle={t("signIn.about")}>
        {signIn.isPending && <Message tone="info" role="status" title={t("signIn.going")} />}
        {signIn.error && <ProblemPanel error={signIn.error} />}
        {refused && <ProblemPanel error={certificate.error} />}
        {withCertificate.error && <ProblemPanel error={withCertificate.error} />}
        {certificate.data?.shown && (
          <Button
            loading={withCertificate.isPending}
            onClick={() =>
              withCertificate.mutate(undefined, { onSuccess: () => void navigate(backOf(state), { replace: true }) })
            }
          >
            {t("signIn.certificate", { name: certificate.data.name })}
          </Button>
        )}
        {passkey.error && <PasskeyProblem error={passkey.error} />}
        <form className={css["form"]} onSubmit={submit}>
          <TextInput
            label={t("signIn.login")}
            value={login}
            onChange={(e) => setLogin(e.currentTarget.value)}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
          />
          <PasswordInput
            label={t("signIn.password")}
            value={password}
            onChange={(e) => setPassword(e.currentTarget.value)}
            autoComplete="current-password"
            visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
          />
          <Button type="submit" loading={signIn.isPending} disabled={login === "" || password === ""}>
            {t("signIn.go")}
          </Button>
        </form>
        <PasskeySignIn
          busy={passkey.isPending}
          onGo={() => {
            signIn.reset();
            passkey.mutate(undefined, { onSuccess: () => void navigate(backOf(state), { replace: true }) });
          }}
        />
        <details className={css["how"]}>
          <summary>{t("signIn.how")}</summary>
          <ol>
            <li>{t("signIn.step1")}</li>
            <li>
              {t("signIn.step2")} <pre>skerry user link</pre>
            </li>
            <li>{t("signIn.step3")}</li>
          </ol>
        </details>
        <Button variant="default" onClick={() => void navigate(backOf(state))}>
          {t("signIn.again")}
        </Button>
      </Page>
    </SessionCard>
  );
}
