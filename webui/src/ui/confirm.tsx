import { Button, Modal } from "@mantine/core";
import type { ReactNode } from "react";
import css from "./confirm.module.css";

interface ConfirmProps {
  opened: boolean;
  title: string;
  children: ReactNode;
  action: string;
  cancel: string;
  danger?: boolean;
  busy?: boolean;
  disabled?: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something that others will notice; says what it hits. */
export function Confirm({
  opened,
  title,
  children,
  action,
  cancel,
  danger = false,
  busy = false,
  disabled = false,
  onConfirm,
  onClose,
}: ConfirmProps) {
  // Made of its parts: the ready-made dialogue has a <header>, which assistive
  // technology takes for a second banner of the page.
  return (
    <Modal.Root opened={opened} onClose={onClose} lockScroll={false} centered transitionProps={{ duration: 120 }}>
      <Modal.Overlay />
      <Modal.Content aria-label={title}>
        <Modal.Body>
          <h2 className={css["title"]}>{title}</h2>
          <div className={css["body"]}>{children}</div>
          <div className={css["actions"]}>
            <Button variant="default" onClick={onClose} disabled={busy} data-autofocus={danger || undefined}>
              {cancel}
            </Button>
            <Button
              color={danger ? "red.9" : "brand"}
              onClick={onConfirm}
              loading={busy}
              disabled={disabled}
              data-autofocus={!danger || undefined}
            >
              {action}
            </Button>
          </div>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
