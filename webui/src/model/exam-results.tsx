import { useState } from "react";
import { ProblemPanel } from "../app/problem-panel.tsx";
import type { ModelBar } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Badge } from "../ui/badge.tsx";
import { Loading } from "../ui/loading.tsx";
import { measured } from "./measured.ts";
import css from "./models.module.css";
import { useModelCard } from "./queries.ts";

/** What a model's card says: its limits, and how well it did against its bars. Asked for when it is opened. */
export function ExamResults({ id }: { id: string }) {
  const { t, f } = useI18n();
  const [open, setOpen] = useState(false);
  const { data: card, error } = useModelCard(id, open);
  return (
    <details className={css["exam"]} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>{t("card.summary")}</summary>
      {error && <ProblemPanel error={error} />}
      {open && !card && !error && <Loading label={t("card.loading")} />}
      {card && (
        <>
          <h3>{t("card.limits")}</h3>
          <ul lang="en">
            {card.limits.map((limit) => (
              <li key={limit}>{limit}</li>
            ))}
          </ul>
          <h3>{t("card.figures")}</h3>
          <p>{t("card.basis", { documents: card.exam.documents, tokens: f.number(card.training.tokens) })}</p>
          <div className={css["scroll"]} tabIndex={0} role="region" aria-label={t("card.figures")}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{t("card.what")}</th>
                  <th scope="col">{t("card.want")}</th>
                  <th scope="col">{t("card.measured")}</th>
                  <th scope="col">{t("card.interval")}</th>
                  <th scope="col">{t("card.cases")}</th>
                  <th scope="col">{t("card.met")}</th>
                </tr>
              </thead>
              <tbody>
                {card.bars.map((b) => (
                  <BarRow key={b.what} bar={b} />
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </details>
  );
}

function BarRow({ bar: { figure, want, met } }: { bar: ModelBar }) {
  const { t, f, word } = useI18n();
  const show = (value: number) => measured(figure.measure, value, f.number);
  const of = new Set([figure.split, figure.key].filter((x) => x !== undefined).map((x) => word("card.of", x)));
  return (
    <tr>
      <th scope="row">{[word("card.measure", figure.measure), ...of].join(" · ")}</th>
      <td>{want}</td>
      <td>{show(figure.value)}</td>
      <td>{figure.low < figure.high ? `${show(figure.low)} – ${show(figure.high)}` : "–"}</td>
      <td>{f.number(figure.n)}</td>
      <td>
        <Badge tone={met ? "good" : "bad"} icon={met ? "check" : "cross"}>
          {t(met ? "card.yes" : "card.no")}
        </Badge>
      </td>
    </tr>
  );
}
