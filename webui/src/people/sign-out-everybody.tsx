import { Button } from "@mantine/core";
import { useState } from "react";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { useEndSessions } from "./queries.ts";

/** Ends every session on the site but the one who asks. */
export function SignOutEverybody() {
  const { t } = useI18n();
  const [asking, setAsking] = useState(false);
  const out = useEndSessions();
  return (
    <>
      {out.data && <span role="status">{t("people.signOut.done", { count: out.data.sessions })}</span>}
      <Button variant="default" onClick={() => setAsking(true)}>
        {t("people.everybody")}
      </Button>
      <Confirm
        opened={asking}
        title={t("people.everybody.title")}
        action={t("people.everybody")}
        cancel={t("cancel")}
        danger
        busy={out.isPending}
        onConfirm={() => out.mutate(undefined, { onSuccess: () => setAsking(false) })}
        onClose={() => setAsking(false)}
      >
        {t("people.everybody.about")}
        {out.error && <ProblemPanel error={out.error} />}
      </Confirm>
    </>
  );
}
