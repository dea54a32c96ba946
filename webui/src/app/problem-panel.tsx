import { Button } from "@mantine/core";
import { problemOf } from "../api/problem.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Icon } from "../ui/icon.tsx";
import { Message } from "../ui/message.tsx";

/** What went wrong, and what to do about it: the appliance says both (RFC 9457). */
export function ProblemPanel({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useI18n();
  const p = problemOf(error);
  const unreachable = p.status === 0;
  return (
    <Message
      tone="bad"
      role="alert"
      title={unreachable ? t("problem.unreachable") : p.title || t("problem.title")}
      actions={
        onRetry && (
          <Button size="xs" variant="default" onClick={onRetry} leftSection={<Icon name="retry" size={14} />}>
            {t("retry")}
          </Button>
        )
      }
    >
      <p>{unreachable ? t("problem.unreachable.do") : p.detail || t("problem.unknown", { status: p.status })}</p>
      {p.errors && p.errors.length > 0 && (
        <ul>
          {p.errors.map((e, i) => (
            <li key={i}>
              {e.line !== undefined && `${t("problem.line", { line: e.line, column: e.column ?? 1 })}: `}
              {e.message}
              {e.location ? ` (${e.location})` : ""}
            </li>
          ))}
        </ul>
      )}
      {p.reference && (
        <p>
          {t("problem.reference")} <code>{p.reference}</code>
        </p>
      )}
    </Message>
  );
}
