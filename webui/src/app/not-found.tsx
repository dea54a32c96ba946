import { Link } from "react-router";
import { useI18n } from "../i18n/provider.tsx";
import { Empty } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";

export function NotFound() {
  const { t } = useI18n();
  return (
    <Page title={t("notFound")}>
      <Empty icon="search" title={t("notFound.why")} actions={<Link to="/">{t("notFound.home")}</Link>} />
    </Page>
  );
}
