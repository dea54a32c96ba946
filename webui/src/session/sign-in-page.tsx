import { Button } from "@mantine/core";
import { useEffect, useRef } from "react";
import { useLocation, useNavigate } from "react-router";
import { LanguageSwitch, SchemeSwitch } from "../app/shell.tsx";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Message } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { useSignIn } from "./session.tsx";
import css from "./sign-in.module.css";

/** The token behind "#token=" of a sign-in link; the fragment never leaves the browser by itself. */
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
  const token = tokenOf(hash);
  const used = useRef<string | null>(null);
  const { mutate } = signIn;

  useEffect(() => {
    if (token === null || used.current === token) return;
    used.current = token; // a link works once; effects may run twice
    history.replaceState(history.state, "", "/sign-in"); // and it leaves no trace in the history
    mutate(token, { onSuccess: () => void navigate(backOf(state), { replace: true }) });
  }, [token, mutate, navigate, state]);

  return (
    <main className={css["main"]}>
      <div className={css["tools"]}>
        <LanguageSwitch />
        <SchemeSwitch />
      </div>
      <div className={css["card"]}>
        <svg width="44" height="44" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="7" fill="#0f4c5c" />
          <path d="M4 21l6-9 4 5 4-8 10 12z" fill="#e8f1f2" />
          <path
            d="M4 25c3-2 5-2 8 0s5 2 8 0 5-2 8 0"
            fill="none"
            stroke="#7fc4d4"
            strokeWidth="2"
            strokeLinecap="round"
          />
        </svg>
        <Page title={t("signIn")} subtitle={t("signIn.about")}>
          {signIn.isPending && <Message tone="info" role="status" title={t("signIn.going")} />}
          {signIn.error && <ProblemPanel error={signIn.error} />}
          <section className={css["how"]}>
            <h2>{t("signIn.how")}</h2>
            <ol>
              <li>{t("signIn.step1")}</li>
              <li>
                {t("signIn.step2")} <pre>skerry user link</pre>
              </li>
              <li>{t("signIn.step3")}</li>
            </ol>
          </section>
          <Button variant="default" onClick={() => void navigate(backOf(state))}>
            {t("signIn.again")}
          </Button>
        </Page>
      </div>
    </main>
  );
}
