import { Button } from "@mantine/core";
import { useState } from "react";
import { Loaded } from "../app/loaded.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Empty, Message } from "../ui/message.tsx";
import { Icon } from "../ui/icon.tsx";
import { Page } from "../ui/page.tsx";
import { ImportForm } from "./import-form.tsx";
import { ModelCard } from "./model-card.tsx";
import css from "./models.module.css";
import { useModels } from "./queries.ts";

export default function ModelsPage() {
  const { t } = useI18n();
  const models = useModels();
  const [importing, setImporting] = useState(false);
  const allowed = models.data?.importing.allowed ?? false;
  return (
    <Page
      title={t("nav.models")}
      subtitle={t("models.about")}
      actions={
        allowed &&
        !importing && (
          <Button leftSection={<Icon name="upload" size={14} />} onClick={() => setImporting(true)}>
            {t("import.open")}
          </Button>
        )
      }
    >
      <Loaded query={models}>
        {({ models, importing: possible }) => {
          const form = importing && allowed && <ImportForm importing={possible} onClose={() => setImporting(false)} />;
          if (models.length === 0) {
            return (
              form || (
                <Empty icon="chip" title={t("models.none")}>
                  {t("models.none.why")}
                </Empty>
              )
            );
          }
          const weights = new Set(models.map((m) => m.lock.weights));
          const starter = models.some((m) => m.starter);
          return (
            <>
              {form}
              {starter && (
                <Message tone="info" title={t("models.starter")}>
                  {models.length > 1 && weights.size === 1 ? t("models.starter.same") : t("models.starter.about")}
                </Message>
              )}
              <ul className={css["cards"]}>
                {models.map((m) => (
                  <ModelCard key={m.id} model={m} />
                ))}
              </ul>
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
