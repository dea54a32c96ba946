import { Loaded } from "../app/loaded.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Empty, Message } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { ModelCard } from "./model-card.tsx";
import css from "./models.module.css";
import { useModels } from "./queries.ts";

export default function ModelsPage() {
  const { t } = useI18n();
  const models = useModels();
  return (
    <Page title={t("nav.models")} subtitle={t("models.about")}>
      <Loaded query={models}>
        {({ models }) => {
          if (models.length === 0) {
            return (
              <Empty icon="chip" title={t("models.none")}>
                {t("models.none.why")}
              </Empty>
            );
          }
          const weights = new Set(models.map((m) => m.lock.weights));
          const starter = models.some((m) => m.starter);
          return (
            <>
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
