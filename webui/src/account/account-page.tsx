import { Loaded } from "../app/loaded.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Message } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { Passkeys } from "./passkeys.tsx";
import { Password } from "./password.tsx";
import { useAccount } from "./queries.ts";
import { Sessions } from "./sessions.tsx";

export default function AccountPage() {
  const { t } = useI18n();
  const account = useAccount();
  return (
    <Page title={t("nav.account")} subtitle={t("account.about")}>
      <Loaded query={account}>
        {(a) => (
          <>
            {a.kind === "host" && <Message tone="info" title={t("account.host")} children={t("account.host.do")} />}
            <Sessions sessions={a.sessions} />
            {a.kind !== "host" && <Password account={a} />}
            {a.kind !== "host" && <Passkeys account={a} />}
          </>
        )}
      </Loaded>
    </Page>
  );
}
