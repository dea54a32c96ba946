import { Button, CopyButton } from "@mantine/core";
import type { Invitation } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Message } from "../ui/message.tsx";
import css from "./people.module.css";

/** A link for a person, which is shown once. */
export function GivenLink({ invitation, onClose }: { invitation: Invitation; onClose: () => void }) {
  const { t, f } = useI18n();
  // The address that this page came from is the one that others can reach.
  const address = `${location.origin}/enrol#token=${invitation.link.token}`;
  return (
    <Message
      tone="good"
      role="status"
      title={t("people.link", { name: invitation.person.name })}
      actions={
        <>
          <CopyButton value={address}>
            {({ copied, copy }) => (
              <Button size="xs" onClick={copy}>
                {t(copied ? "people.copied" : "people.copy")}
              </Button>
            )}
          </CopyButton>
          <Button size="xs" variant="default" onClick={onClose}>
            {t("people.done")}
          </Button>
        </>
      }
    >
      <p>{t("people.link.about", { ends: f.dateTime(invitation.ends) })}</p>
      <code className={css["address"]}>{address}</code>
    </Message>
  );
}
