import { Button } from "@mantine/core";
import { useState } from "react";
import { ProblemPanel } from "../app/problem-panel.tsx";
import type { ModelEntry, ModelFile } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Facts } from "../ui/facts.tsx";
import { Icon } from "../ui/icon.tsx";
import { parameters } from "./file-check.ts";
import css from "./models.module.css";
import { useRemove } from "./queries.ts";

/** What is known about the file of an imported model, and what it takes to run it. */
export function FileFacts({ file, memoryBytes }: { file: ModelFile; memoryBytes: number | undefined }) {
  const { t, f } = useI18n();
  const fits = file.memoryAvailable === undefined || file.memoryNeeded <= file.memoryAvailable;
  return (
    <>
      <Facts
        rows={[
          [t("file.name"), `${file.name} (${f.bytes(file.sizeBytes)})`],
          [t("file.model"), `${file.architecture}, ${parameters(file.parameters, f.number)}, ${file.quantisation}`],
          [t("file.madeFor"), t("model.tokens", { count: file.madeForTokens })],
          [t("file.template"), file.template],
          [
            t("file.memory"),
            t("file.memory.parts", {
              total: f.bytes(file.memoryNeeded),
              weights: f.bytes(file.memoryWeights),
              cache: f.bytes(file.memoryCache),
              work: f.bytes(file.memoryWork),
            }),
          ],
          [t("file.memory.now"), memoryBytes === undefined ? "" : f.bytes(memoryBytes)],
          [t("file.imported"), t("file.imported.by", { when: f.dateTime(file.importedAt), who: file.importedBy })],
        ]}
      />
      {!fits && memoryBytes === undefined && (
        <p className={css["why"]}>
          {t("file.memory.not", { need: f.bytes(file.memoryNeeded), have: f.bytes(file.memoryAvailable ?? 0) })}
        </p>
      )}
    </>
  );
}

/** Removes an imported model after saying what that hits. */
export function RemoveModel({ model: m }: { model: ModelEntry }) {
  const { t, text } = useI18n();
  const [asked, setAsked] = useState(false);
  const remove = useRemove(m.id);
  const inPools = m.pools.map((p) => text(p.title) || p.name).join(", ");
  return (
    <>
      <Button size="xs" variant="default" leftSection={<Icon name="cross" size={13} />} onClick={() => setAsked(true)}>
        {t("remove")}
        <span className={css["hidden"]}> {m.title || m.id}</span>
      </Button>
      {remove.error && <ProblemPanel error={remove.error} />}
      <Confirm
        opened={asked}
        title={t("remove.title", { model: m.title || m.id })}
        action={t("remove")}
        cancel={t("cancel")}
        danger
        busy={remove.isPending}
        onConfirm={() => remove.mutate(inPools !== "", { onSettled: () => setAsked(false) })}
        onClose={() => setAsked(false)}
      >
        <p>{t("remove.file")}</p>
        {inPools !== "" && <p>{t("remove.pools", { pools: inPools })}</p>}
      </Confirm>
    </>
  );
}
