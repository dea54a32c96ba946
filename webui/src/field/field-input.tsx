import { ActionIcon, Button, NativeSelect, TextInput } from "@mantine/core";
import { useI18n } from "../i18n/provider.tsx";
import { Icon } from "../ui/icon.tsx";
import css from "./field.module.css";
import type { Draft, FieldSpec } from "./parse.ts";
import { humanise } from "../i18n/plain.ts";

interface FieldInputProps {
  spec: FieldSpec;
  label: string;
  /** Names the input only for people who do not see its surroundings. */
  hideLabel?: boolean;
  draft: Draft;
  error?: string | undefined;
  onChange: (d: Draft) => void;
  onFocus?: () => void;
}

/** The input that suits the type of a field. */
export function FieldInput({ spec, label, hideLabel = false, draft, error, onChange, onFocus }: FieldInputProps) {
  const { t } = useI18n();
  if (typeof draft !== "string") {
    return (
      <RowsInput
        spec={spec}
        label={label}
        rows={draft}
        error={error}
        onChange={onChange}
        {...(onFocus && { onFocus })}
      />
    );
  }
  const common = {
    ...(hideLabel ? { "aria-label": label } : { label }),
    value: draft,
    error,
    size: "sm",
    required: !spec.nullable && !hideLabel,
    onFocus,
  } as const;
  const set = (e: { currentTarget: { value: string } }) => onChange(e.currentTarget.value);
  switch (spec.type) {
    case "boolean":
      return (
        <NativeSelect
          {...common}
          onChange={set}
          data={[
            { value: "", label: t("value.absent") },
            { value: "true", label: t("yes") },
            { value: "false", label: t("no") },
          ]}
        />
      );
    case "enum":
      return (
        <NativeSelect
          {...common}
          onChange={set}
          data={[{ value: "", label: t("value.absent") }, ...(spec.values ?? [])]}
        />
      );
    case "date":
      return <TextInput {...common} onChange={set} type="date" />;
    case "decimal":
      return <TextInput {...common} onChange={set} inputMode="decimal" autoComplete="off" />;
    case "integer":
      return <TextInput {...common} onChange={set} inputMode="numeric" autoComplete="off" />;
    default:
      return <TextInput {...common} onChange={set} autoComplete="off" spellCheck={false} />;
  }
}

interface RowsInputProps {
  spec: FieldSpec;
  label: string;
  rows: Record<string, string>[];
  error?: string | undefined;
  onChange: (rows: Record<string, string>[]) => void;
  onFocus?: () => void;
}

function RowsInput({ spec, label, rows, error, onChange, onFocus }: RowsInputProps) {
  const { t } = useI18n();
  const columns = spec.of ?? [];
  return (
    <fieldset className={css["rows"]} onFocus={onFocus}>
      <legend>{label}</legend>
      {rows.map((row, i) => (
        <div key={i} className={css["row"]}>
          {columns.map((c) => (
            <FieldInput
              key={c.name}
              spec={c}
              label={t("field.inRow", { field: humanise(c.name), row: i + 1 })}
              hideLabel
              draft={row[c.name] ?? ""}
              onChange={(d) => typeof d === "string" && onChange(rows.with(i, { ...row, [c.name]: d }))}
            />
          ))}
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t("field.removeRow", { row: i + 1 })}
            onClick={() => onChange(rows.toSpliced(i, 1))}
          >
            <Icon name="cross" size={14} />
          </ActionIcon>
        </div>
      ))}
      <Button size="compact-xs" variant="default" onClick={() => onChange([...rows, {}])}>
        {t("field.addRow")}
      </Button>
      {error && <p className={css["error"]}>{error}</p>}
    </fieldset>
  );
}
