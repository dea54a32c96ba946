import { Checkbox } from "@mantine/core";
import { useI18n } from "../i18n/provider.tsx";
import css from "./people.module.css";

/** Which roles a person has. Whoever is an auditor does nothing that they would look into. */
export function Roles({
  all,
  chosen,
  onChange,
  disabled = false,
}: {
  all: string[];
  chosen: string[];
  onChange: (roles: string[]) => void;
  disabled?: boolean;
}) {
  const { t, word } = useI18n();
  const acts = (r: string) => r !== "auditor" && r !== "viewer";
  const excluded = (r: string) =>
    r === "auditor" ? chosen.some(acts) : acts(r) && chosen.includes("auditor") && !chosen.includes(r);
  return (
    <fieldset className={css["roles"]} disabled={disabled}>
      <legend>{t("people.roles")}</legend>
      {all
        .filter((r) => r !== "service")
        .map((r) => (
          <Checkbox
            key={r}
            label={word("role", r)}
            description={word("people.role", r)}
            checked={chosen.includes(r)}
            disabled={disabled || excluded(r)}
            onChange={(e) => onChange(all.filter((x) => (x === r ? e.currentTarget.checked : chosen.includes(x))))}
          />
        ))}
    </fieldset>
  );
}
