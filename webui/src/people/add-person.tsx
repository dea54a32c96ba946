import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import type { Invitation } from "../api/client.ts";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Panel } from "../ui/panel.tsx";
import css from "./people.module.css";
import { useAddPerson } from "./queries.ts";
import { Roles } from "./roles.tsx";

interface AddPersonProps {
  roles: string[];
  onDone: (i: Invitation) => void;
  onClose: () => void;
}

/** Makes an account. */
export function AddPerson({ roles, onDone, onClose }: AddPersonProps) {
  const { t } = useI18n();
  const [login, setLogin] = useState("");
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<string[]>(["user"]);
  const add = useAddPerson();
  const bad = login !== "" && !/^[a-z][a-z0-9._-]{1,63}$/.test(login);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (login === "" || bad || name.trim() === "") return;
    add.mutate({ login, name: name.trim(), roles: chosen }, { onSuccess: onDone });
  };
  return (
    <Panel title={t("people.add")}>
      <form className={css["form"]} onSubmit={submit}>
        <div className={css["fields"]}>
          <TextInput
            label={t("people.name")}
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            autoComplete="off"
          />
          <TextInput
            label={t("signIn.login")}
            description={t("people.login.about")}
            value={login}
            onChange={(e) => setLogin(e.currentTarget.value.trim())}
            error={bad && t("people.login.bad")}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
          />
        </div>
        <Roles all={roles} chosen={chosen} onChange={setChosen} disabled={add.isPending} />
        {add.error && <ProblemPanel error={add.error} />}
        <div className={css["foot"]}>
          <Button type="submit" loading={add.isPending} disabled={login === "" || bad || name.trim() === ""}>
            {t("people.add.go")}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t("cancel")}
          </Button>
        </div>
      </form>
    </Panel>
  );
}
