import { Button, Checkbox, NativeSelect, TextInput } from "@mantine/core";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { ProblemPanel } from "../app/problem-panel.tsx";
import type { Importing, ModelEntry } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import type { Key } from "../i18n/translate.ts";
import { FileDrop } from "../ui/file-drop.tsx";
import { Icon } from "../ui/icon.tsx";
import { Message } from "../ui/message.tsx";
import { Panel } from "../ui/panel.tsx";
import { idFrom, inOrder, together, unfit, unfitTogether } from "./file-check.ts";
import css from "./models.module.css";
import { useImport } from "./queries.ts";

/** Takes a model file in: choose it, watch it arrive, read what the appliance found. */
export function ImportForm({ importing, onClose }: { importing: Importing; onClose: () => void }) {
  const { t, f } = useI18n();
  const [files, setFiles] = useState<File[]>([]);
  const [fault, setFault] = useState<{ key: Key; name: string }>();
  const [id, setId] = useState("");
  const [profile, setProfile] = useState(importing.profile);
  const [context, setContext] = useState("");
  const [start, setStart] = useState(false);
  const [sent, setSent] = useState(0);
  const upload = useRef<AbortController>(null);
  const take = useImport();
  useEffect(() => () => upload.current?.abort(), []); // leaving the page ends it

  const [cancelled, setCancelled] = useState(false);

  const choose = (list: File[]) => {
    const chosen = inOrder(together(list, files));
    const first = chosen[0];
    take.reset();
    setFiles(chosen);
    setFault(unfitTogether(chosen.map((c) => c.name)));
    if (!first) return;
    setId(idFrom(first.name));
    const total = chosen.reduce((sum, c) => sum + c.size, 0);
    void Promise.all(chosen.map((c) => c.slice(0, 4).arrayBuffer())).then((heads) => {
      heads.forEach((head, i) => {
        const name = chosen[i]?.name ?? "";
        const key = unfit(name, total, new Uint8Array(head), importing);
        if (key) setFault({ key, name });
      });
    });
  };
  const badContext = context !== "" && !/^[1-9]\d{2,8}$/.test(context);
  const badId = id !== "" && !/^[a-z0-9][a-z0-9-]{0,40}$/.test(id);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (files.length === 0 || fault || badContext || badId) return;
    const abort = new AbortController();
    upload.current = abort;
    setSent(0);
    setCancelled(false);
    take.mutate({
      files,
      finish: {
        profile,
        start,
        ...(id !== "" && { id }),
        ...(context !== "" && { context: Number(context) }),
      },
      progress: setSent,
      signal: abort.signal,
    });
  };

  if (take.data) return <Imported model={take.data} onClose={onClose} />;
  const busy = take.isPending;
  return (
    <Panel title={t("import.title")}>
      <form className={css["import"]} onSubmit={submit} noValidate>
        <p>{t("import.about")}</p>
        <FileDrop
          label={t("import.drop")}
          hint={t("import.hint", { max: f.bytes(importing.maxBytes), free: f.bytes(importing.freeBytes) })}
          files={files}
          onChange={choose}
          accept=".gguf"
          multiple
          size={f.bytes}
          removeLabel={(name) => t("start.remove", { name })}
          error={
            fault &&
            t(fault.key, {
              max: f.bytes(importing.maxBytes),
              free: f.bytes(importing.freeBytes),
              name: fault.name,
            })
          }
        />
        <div className={css["importFields"]}>
          <TextInput
            label={t("import.id")}
            description={t("import.id.about")}
            value={id}
            onChange={(e) => setId(e.currentTarget.value)}
            error={badId && t("import.id.bad")}
            disabled={busy}
            autoComplete="off"
            spellCheck={false}
          />
          <NativeSelect
            label={t("import.profile")}
            description={t("import.profile.about")}
            value={profile}
            onChange={(e) => setProfile(e.currentTarget.value)}
            data={importing.profiles}
            disabled={busy}
          />
          <TextInput
            label={t("import.context")}
            description={t("import.context.about")}
            value={context}
            onChange={(e) => setContext(e.currentTarget.value.trim())}
            error={badContext && t("import.context.bad")}
            disabled={busy}
            inputMode="numeric"
            autoComplete="off"
          />
        </div>
        {!busy && (
          <Checkbox label={t("import.start")} checked={start} onChange={(e) => setStart(e.currentTarget.checked)} />
        )}
        {busy && <Sending sent={sent} total={files.reduce((sum, c) => sum + c.size, 0)} />}
        {take.error && !cancelled && <ProblemPanel error={take.error} />}
        <div className={css["foot"]}>
          <Button
            type="submit"
            loading={busy}
            disabled={files.length === 0 || !!fault}
            leftSection={<Icon name="upload" size={14} />}
          >
            {t("import.go")}
          </Button>
          <Button
            variant="default"
            onClick={() => {
              if (!busy) {
                onClose();
                return;
              }
              setCancelled(true);
              upload.current?.abort();
            }}
          >
            {t("cancel")}
          </Button>
        </div>
      </form>
    </Panel>
  );
}

/** How far a file has come. When all is sent, the appliance looks at it. */
function Sending({ sent, total }: { sent: number; total: number }) {
  const { t, f } = useI18n();
  const all = sent >= total;
  return (
    <div className={css["sending"]}>
      <progress aria-label={t("import.sending")} {...(!all && { value: sent, max: total })} />
      <span role="status">
        {all ? t("import.checking") : t("import.sent", { sent: f.bytes(sent), total: f.bytes(total) })}
      </span>
    </div>
  );
}

/** What was found in the file, and what is to be done before runs use the model. */
function Imported({ model: m, onClose }: { model: ModelEntry; onClose: () => void }) {
  const { t } = useI18n();
  return (
    <Message
      tone="good"
      role="status"
      title={t("import.done", { model: m.title || m.id })}
      actions={
        <Button size="xs" variant="default" onClick={onClose}>
          {t("import.close")}
        </Button>
      }
    >
      <p>{t("import.next")}</p>
      <pre
        className={css["snippet"]}
      >{`models:\n  ${m.id}: {clearance: internal}\npools:\n  - name: strong\n    models: […, ${m.id}]`}</pre>
      <p>
        <code>skerry policy put policy.yaml --activate</code>
      </p>
    </Message>
  );
}
