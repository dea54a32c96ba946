import type { Field } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import type { Formatters } from "../i18n/translate.ts";
import css from "./value.module.css";
import { Name } from "../ui/name.tsx";

/** A value as people of the reader's language write it; "" if absent. */
export function valueText(type: Field["type"], value: unknown, f: Formatters): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string" || typeof value === "number") {
    switch (type) {
      case "decimal":
      case "integer":
        return f.decimal(String(value));
      case "date":
        return f.day(String(value));
      case "iban":
        return String(value)
          .replaceAll(/\s/g, "")
          .replaceAll(/(.{4})(?=.)/g, "$1 ");
      default:
        return String(value);
    }
  }
  return JSON.stringify(value);
}

/** The rows of a list value; null if it is none. */
export function listRows(value: unknown): Record<string, unknown>[] | null {
  if (!Array.isArray(value)) return null;
  return value.map((v: unknown) => (typeof v === "object" && v !== null ? { ...v } : { value: v }));
}

export function Value({ type, value }: { type: Field["type"]; value: unknown }) {
  const { t, f } = useI18n();
  const rows = type === "list" ? listRows(value) : null;
  if (rows) {
    const columns = [...new Set(rows.flatMap((r) => Object.keys(r)))];
    return (
      <table className={css["list"]}>
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c} scope="col">
                <Name of={c} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((r, i) => (
            <tr key={i}>
              {columns.map((c) => (
                <td key={c}>{valueText("string", r[c], f)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    );
  }
  if (typeof value === "boolean") return <>{t(value ? "yes" : "no")}</>;
  const text = valueText(type, value, f);
  return text === "" ? <span className={css["absent"]}>{t("value.absent")}</span> : <>{text}</>;
}
