import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { useCancelRun } from "./queries.ts";

export function CancelRun({ id }: { id: string }) {
  const { t } = useI18n();
  const [asked, setAsked] = useState(false);
  const [reason, setReason] = useState("");
  const cancel = useCancelRun(id);
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setAsked(true)}>
        {t("run.cancel")}
      </Button>
      <Confirm
        opened={asked}
        title={t("run.cancel.title")}
        action={t("run.cancel")}
        cancel={t("run.cancel.keep")}
        danger
        busy={cancel.isPending}
        disabled={reason.trim() === ""}
        onConfirm={() => cancel.mutate(reason.trim(), { onSuccess: () => setAsked(false) })}
        onClose={() => setAsked(false)}
      >
        <p>{t("run.cancel.what")}</p>
        <TextInput
          label={t("reason")}
          required
          value={reason}
          onChange={(e) => setReason(e.currentTarget.value)}
          data-autofocus
        />
        {cancel.error && <ProblemPanel error={cancel.error} />}
      </Confirm>
    </>
  );
}
