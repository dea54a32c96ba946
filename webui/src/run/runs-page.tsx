import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { useMissions } from "../mission/queries.ts";
import { useModels } from "../model/queries.ts";
import { useSession } from "../session/session.tsx";
import { Icon } from "../ui/icon.tsx";
import { Loading } from "../ui/loading.tsx";
import { Empty } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { filterOf, states, withFilter } from "./filter.ts";
import { useCounts, useRuns } from "./queries.ts";
import { RunTable } from "./run-table.tsx";
import css from "./runs.module.css";

const knownVerdicts = ["approved", "rejected", "referred", "abstained", "failed", "cancelled"];

export default function RunsPage() {
  const { t } = useI18n();
  const [search, setSearch] = useSearchParams();
  const filter = filterOf(search);
  const runs = useRuns(filter);
  const counts = useCounts();
  const filtered = Object.keys(filter).length > 0;
  const empty = runs.data?.pages.every((p) => p.runs.length === 0);
  return (
    <Page
      title={t("nav.runs")}
      subtitle={counts.data ? t("runs.total", { count: counts.data.total }) : t("loading")}
      actions={
        <Button component={Link} to="/missions" size="sm" leftSection={<Icon name="play" size={14} />}>
          {t("runs.start")}
        </Button>
      }
    >
      <Filters search={search} onChange={setSearch} />
      {runs.error && <ProblemPanel error={runs.error} onRetry={() => void runs.refetch()} />}
      {!runs.data && !runs.error && <Loading label={t("loading")} lines={8} height={28} />}
      {empty && (
        <Empty
          icon={filtered ? "filter" : "list"}
          title={t(filtered ? "runs.none.filtered" : "runs.none")}
          actions={
            filtered ? (
              <Button variant="default" size="xs" onClick={() => setSearch({})}>
                {t("runs.clear")}
              </Button>
            ) : (
              <Link to="/missions">{t("runs.start")}</Link>
            )
          }
        >
          {t(filtered ? "runs.none.filtered.why" : "runs.none.why")}
        </Empty>
      )}
      {runs.data && !empty && <RunTable query={runs} />}
    </Page>
  );
}

/** Searches once a person stops typing. */
function SearchInput({ initial, onChange }: { initial: string; onChange: (text: string) => void }) {
  const { t } = useI18n();
  const [text, setText] = useState(initial);
  const [sent, setSent] = useState(initial);
  if (initial !== sent) {
    // Set from elsewhere: a link, the back button, "clear filters".
    setSent(initial);
    setText(initial);
  }
  const send = (s: string) => {
    setSent(s.trim());
    onChange(s.trim());
  };
  const search = useDebouncedCallback(send, { delay: 350, flushOnUnmount: false });
  return (
    <TextInput
      size="xs"
      type="search"
      label={t("filter.text")}
      placeholder={t("filter.text.hint")}
      value={text}
      leftSection={<Icon name="search" size={14} />}
      onChange={(e) => {
        setText(e.currentTarget.value);
        search(e.currentTarget.value);
      }}
    />
  );
}

function Filters({ search, onChange }: { search: URLSearchParams; onChange: (s: URLSearchParams) => void }) {
  const { t, text, word } = useI18n();
  const { classes } = useSession();
  const missions = useMissions();
  const models = useModels();
  const counts = useCounts();
  const set = (name: string) => (e: { currentTarget: { value: string } }) =>
    onChange(withFilter(search, name, e.currentTarget.value));
  const verdicts = [...new Set([...knownVerdicts, ...Object.keys(counts.data?.byVerdict ?? {})])];
  const catalogue = models.data?.models ?? [];
  // Models that have left the catalogue still stand in old runs.
  const modelIds = [...new Set([...catalogue.map((m) => m.id), ...Object.keys(counts.data?.byModel ?? {})])];
  const any = { value: "", label: t("filter.any") };
  const selects: [string, { value: string; label: string }[]][] = [
    ["state", states.map((s) => ({ value: s, label: t(`state.${s}`) }))],
    ["mission", (missions.data?.missions ?? []).map((m) => ({ value: m.name, label: text(m.title) || m.name }))],
    ["verdict", verdicts.map((v) => ({ value: v, label: word("verdict", v) }))],
    ["class", classes.map((c) => ({ value: c.name, label: text(c.title) || c.name }))],
    ["model", modelIds.map((id) => ({ value: id, label: catalogue.find((m) => m.id === id)?.title || id }))],
  ];
  return (
    <form className={css["filters"]} role="search" aria-label={t("filter")} onSubmit={(e) => e.preventDefault()}>
      <SearchInput initial={search.get("text") ?? ""} onChange={(text) => onChange(withFilter(search, "text", text))} />
      {selects.map(([name, options]) => (
        <NativeSelect
          key={name}
          size="xs"
          label={word("filter", name)}
          value={search.get(name) ?? ""}
          onChange={set(name)}
          data={[any, ...options]}
        />
      ))}
      <TextInput
        size="xs"
        type="date"
        label={t("filter.from")}
        value={search.get("from") ?? ""}
        onChange={set("from")}
      />
      <TextInput size="xs" type="date" label={t("filter.to")} value={search.get("to") ?? ""} onChange={set("to")} />
      {search.size > 0 && (
        <Button size="xs" variant="subtle" onClick={() => onChange(new URLSearchParams())}>
          {t("runs.clear")}
        </Button>
      )}
    </form>
  );
}
