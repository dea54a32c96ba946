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
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={title}
      lockScroll={false}
      centered
      closeButtonProps={{ "aria-label": cancel }}
      transitionProps={{ duration: 120 }}
    >
      <div className={css["body"]}>{children}</div>
      <div className={css["actions"]}>
        <Button variant="default" onClick={onClose} disabled={busy}>
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
    </Modal>
  );
}
