import { Button } from "@mantine/core";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Icon } from "../ui/icon.tsx";
import { Message } from "../ui/message.tsx";
import { PasskeyError, passkeysHere } from "./ways.ts";
import { useWays } from "./session.tsx";

/** The way in with a passkey, where there is one. */
export function PasskeySignIn({ busy, onGo }: { busy: boolean; onGo: () => void }) {
  const { t } = useI18n();
  const ways = useWays();
  if (!ways.data?.passkeys) return null;
  if (!passkeysHere(ways.data)) return <p>{t("signIn.passkey.elsewhere", { address: ways.data.site ?? "" })}</p>;
  return (
    <>
      {busy && <Message tone="info" role="status" title={t("signIn.passkey.going")} />}
      <Button variant="default" leftSection={<Icon name="lock" size={14} />} loading={busy} onClick={onGo}>
        {t("signIn.passkey")}
      </Button>
    </>
  );
}

/** Why a passkey was not made or used: the browser's reason, or the appliance's. */
export function PasskeyProblem({ error }: { error: unknown }) {
  const { t } = useI18n();
  if (!(error instanceof PasskeyError)) return <ProblemPanel error={error} />;
  return (
    <Message tone="warn" role="alert" title={t(`passkey.${error.kind}`)}>
      {t(`passkey.${error.kind}.do`)}
    </Message>
  );
}
