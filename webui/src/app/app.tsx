import { useEffect } from "react";
import { useLocation, useNavigate } from "react-router";
import { problemOf } from "../api/problem.ts";
import { useI18n } from "../i18n/provider.tsx";
import { SessionProvider, useSessionQuery } from "../session/session.tsx";
import { StepUp } from "../session/step-up.tsx";
import { Loading } from "../ui/loading.tsx";
import { LiveProvider } from "./live.tsx";
import { ProblemPanel } from "./problem-panel.tsx";
import { Shell } from "./shell.tsx";

/** Everything behind the sign-in. */
export function App() {
  const { t } = useI18n();
  const session = useSessionQuery();
  const navigate = useNavigate();
  const { pathname, search } = useLocation();
  const signedOut = session.error !== null && problemOf(session.error).status === 401;

  useEffect(() => {
    if (signedOut) void navigate("/sign-in", { replace: true, state: { back: pathname + search } });
  }, [signedOut, navigate, pathname, search]);

  if (session.data) {
    return (
      <SessionProvider session={session.data}>
        <LiveProvider>
          <Shell />
          <StepUp />
        </LiveProvider>
      </SessionProvider>
    );
  }
  if (session.error && !signedOut) {
    return (
      <main>
        <ProblemPanel error={session.error} onRetry={() => void session.refetch()} />
      </main>
    );
  }
  return <Loading label={t("loading")} lines={6} />;
}
