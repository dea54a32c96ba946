import { Button, Modal, PasswordInput, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { api, answerStepUp, type Proof, unwrap } from "../api/client.ts";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import confirm from "../ui/confirm.module.css";
import { hold, sessionKey, useSession } from "./session.tsx";
import { tokenOf } from "./sign-in-page.tsx";

/**
 * Asks for the password where the appliance wants to know that the person is
 * still there, and lets the request that was refused go on.
 */
export function StepUp() {
  const { t } = useI18n();
  const { proof } = useSession();
  const queries = useQueryClient();
  const [opened, setOpened] = useState(false);
  const [secret, setSecret] = useState("");
  const answer = useRef<(proven: boolean) => void>(undefined);
  const link = proof === "link";
  const prove = useMutation({
    mutationFn: async (body: Proof) => hold(await unwrap(api.POST("/api/v1/session/step-up", { body }))),
    onSuccess: (session) => {
      queries.setQueryData(sessionKey, session);
      finish(true);
    },
    onError: () => setSecret(""),
  });
  const { reset } = prove;

  useEffect(
    () =>
      answerStepUp(
        () =>
          new Promise<boolean>((done) => {
            answer.current?.(false);
            answer.current = done;
            reset();
            setSecret("");
            setOpened(true);
          }),
      ),
    [reset],
  );

  const finish = (proven: boolean) => {
    setOpened(false);
    setSecret("");
    answer.current?.(proven);
    answer.current = undefined;
  };
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (secret === "") return;
    // A whole link is taken too: its token is behind the #.
    prove.mutate(link ? { token: tokenOf(secret.slice(secret.indexOf("#"))) ?? secret.trim() } : { password: secret });
  };
  return (
    <Modal.Root
      opened={opened}
      onClose={() => finish(false)}
      lockScroll={false}
      centered
      zIndex={400}
      transitionProps={{ duration: 120 }}
    >
      <Modal.Overlay />
      <Modal.Content aria-label={t("stepUp")}>
        <Modal.Body>
          <h2 className={confirm["title"]}>{t("stepUp")}</h2>
          <form className={confirm["body"]} onSubmit={submit}>
            <p>{t(link ? "stepUp.link.about" : "stepUp.about")}</p>
            {prove.error && <ProblemPanel error={prove.error} />}
            {link ? (
              <TextInput
                label={t("stepUp.link")}
                value={secret}
                onChange={(e) => setSecret(e.currentTarget.value)}
                autoComplete="off"
                data-autofocus
              />
            ) : (
              <PasswordInput
                label={t("signIn.password")}
                value={secret}
                onChange={(e) => setSecret(e.currentTarget.value)}
                autoComplete="current-password"
                visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
                data-autofocus
              />
            )}
            <div className={confirm["actions"]}>
              <Button variant="default" onClick={() => finish(false)} disabled={prove.isPending}>
                {t("cancel")}
              </Button>
              <Button type="submit" loading={prove.isPending} disabled={secret === ""}>
                {t("stepUp.go")}
              </Button>
            </div>
          </form>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
