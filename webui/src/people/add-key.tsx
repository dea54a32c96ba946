import { Button, Checkbox, NumberInput, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import type { GivenKey } from "../api/client.ts";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { useMissions } from "../mission/queries.ts";
import css from "./people.module.css";
import { useAddKey } from "./queries.ts";

const roles = ["service", "viewer"];

/** Makes a service key. */
export function AddKey({ onDone, onClose }: { onDone: (k: GivenKey) => void; onClose: () => void }) {
  const { t, word } = useI18n();
  const missions = useMissions();
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<string[]>(["service"]);
  const [only, setOnly] = useState<string[]>([]);
  const [all, setAll] = useState(false);
  const [days, setDays] = useState(90);
  const add = useAddKey();
  const bad = name !== "" && !/^[a-z][a-z0-9._-]{1,63}$/.test(name);
  const ready = name !== "" && !bad && chosen.length > 0 && (all || only.length > 0) && days >= 1 && days <= 365;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (!ready) return;
    add.mutate(
      { name, roles: chosen, days, ...(all ? { allMissions: true } : { missions: only }) },
      { onSuccess: onDone },
    );
  };
  const toggled = (list: string[], item: string, on: boolean) =>
    on ? [...list, item] : list.filter((x) => x !== item);
  return (
    <form className={css["form"]} onSubmit={submit} aria-label={t("keys.add")}>
      <div className={css["fields"]}>
        <TextInput
          label={t("keys.name")}
          description={t("keys.name.about")}
          value={name}
          onChange={(e) => setName(e.currentTarget.value.trim())}
          error={bad && t("people.login.bad")}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
        />
        <NumberInput
          label={t("keys.days")}
          description={t("keys.days.about")}
          value={days}
          onChange={(v) => setDays(typeof v === "number" ? v : 0)}
          min={1}
          max={365}
          allowDecimal={false}
        />
      </div>
      <fieldset className={css["roles"]} disabled={add.isPending}>
        <legend>{t("people.roles")}</legend>
        {roles.map((r) => (
          <Checkbox
            key={r}
            label={word("role", r)}
            description={word("people.role", r)}
            checked={chosen.includes(r)}
            onChange={(e) => setChosen(toggled(chosen, r, e.currentTarget.checked))}
          />
        ))}
      </fieldset>
      <fieldset className={css["roles"]} disabled={add.isPending}>
        <legend>{t("keys.missions")}</legend>
        {missions.data?.missions.map((m) => (
          <Checkbox
            key={m.name}
            label={m.name}
            checked={all || only.includes(m.name)}
            disabled={all}
            onChange={(e) => setOnly(toggled(only, m.name, e.currentTarget.checked))}
          />
        ))}
        <Checkbox label={t("keys.all")} checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />
      </fieldset>
      {add.error && <ProblemPanel error={add.error} />}
      <div className={css["foot"]}>
        <Button type="submit" loading={add.isPending} disabled={!ready}>
          {t("keys.add.go")}
        </Button>
        <Button variant="default" onClick={onClose}>
          {t("cancel")}
        </Button>
      </div>
    </form>
  );
}
