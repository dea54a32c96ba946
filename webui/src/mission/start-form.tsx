import { Button, SegmentedControl } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Link, useNavigate } from "react-router";
import { ProblemPanel } from "../app/problem-panel.tsx";
import type { MissionEntry } from "../api/client.ts";
import { problemOf } from "../api/problem.ts";
import { FieldInput } from "../field/field-input.tsx";
import { useI18n } from "../i18n/provider.tsx";
import type { Key } from "../i18n/translate.ts";
import { useSession } from "../session/session.tsx";
import { FileDrop } from "../ui/file-drop.tsx";
import { Icon } from "../ui/icon.tsx";
import css from "./missions.module.css";
import { type Started, useStart } from "./queries.ts";
import { SamplePicker } from "./sample-picker.tsx";
import { acceptOf, type FormState, specOf, startsOf } from "./starts.ts";
import { humanise } from "../i18n/plain.ts";

/** A form made from the mission's input: what a run needs, as many runs as there are files. */
export function StartForm({ entry, samplesFirst }: { entry: MissionEntry; samplesFirst: boolean }) {
  const { t, text, f, lang } = useI18n();
  const { maxUploadBytes } = useSession();
  const navigate = useNavigate();
  const start = useStart(entry.name);
  const [form, setForm] = useState<FormState>({
    files: {},
    samples: [],
    drafts: {},
    source: samplesFirst && entry.samples > 0 ? "samples" : "files",
  });
  const [problems, setProblems] = useState<Record<string, Key>>({});
  const [started, setStarted] = useState<Started[]>([]);
  const first = entry.input.find((i) => i.type === "document");
  const wanted = startsOf(entry.input, form, lang, maxUploadBytes, () => "").starts.length;

  const submit = (e: FormEvent) => {
    e.preventDefault();
    const { starts, problems } = startsOf(entry.input, form, lang, maxUploadBytes, () => crypto.randomUUID());
    setProblems(problems);
    if (Object.keys(problems).length > 0 || starts.length === 0) return;
    setStarted([]);
    start.mutate(
      { starts, report: (s) => setStarted((all) => [...all, s]) },
      {
        onSuccess: (all) => {
          const only = all.length === 1 ? all[0] : undefined;
          if (only && "run" in only) void navigate(`/runs/${only.run.id}`);
          else setForm((old) => ({ ...old, files: {}, samples: [] }));
        },
      },
    );
  };
  const problem = (name: string) => {
    const big = form.files[name]?.find((file) => file.size > maxUploadBytes)?.name ?? "";
    return problems[name] ? t(problems[name], { max: f.bytes(maxUploadBytes), name: big }) : undefined;
  };

  return (
    <form className={css["form"]} onSubmit={submit} noValidate>
      {first && entry.samples > 0 && (
        <SegmentedControl
          aria-label={t("start.source")}
          value={form.source}
          onChange={(v) => setForm({ ...form, source: v === "samples" ? "samples" : "files" })}
          data={[
            { value: "files", label: t("start.files") },
            { value: "samples", label: t("start.samples", { count: entry.samples }) },
          ]}
        />
      )}
      {entry.input.map((field) => {
        const label = text(field.title) || humanise(field.name);
        const spec = specOf(field);
        if (spec) {
          return (
            <FieldInput
              key={field.name}
              spec={spec}
              label={label}
              draft={form.drafts[field.name] ?? ""}
              error={problem(field.name)}
              onChange={(d) => setForm({ ...form, drafts: { ...form.drafts, [field.name]: d } })}
            />
          );
        }
        if (field === first && form.source === "samples") {
          return (
            <SamplePicker
              key={field.name}
              mission={entry.name}
              chosen={form.samples}
              error={problem(field.name)}
              onChange={(samples) => setForm({ ...form, samples })}
            />
          );
        }
        return (
          <FileDrop
            key={field.name}
            label={t(field === first ? "start.drop" : "start.drop.one", { name: label })}
            hint={t("start.hint", { kinds: (field.accept ?? []).map((a) => a.toUpperCase()).join(", ") })}
            accept={acceptOf(field)}
            multiple={field === first}
            files={form.files[field.name] ?? []}
            onChange={(files) => setForm({ ...form, files: { ...form.files, [field.name]: files } })}
            size={f.bytes}
            removeLabel={(name) => t("start.remove", { name })}
            error={problem(field.name)}
          />
        );
      })}
      <div className={css["submit"]}>
        <Button type="submit" loading={start.isPending} leftSection={<Icon name="play" size={14} />}>
          {t("start.submit", { count: Math.max(1, wanted) })}
        </Button>
        {start.isPending && start.variables.starts.length > 1 && (
          <span role="status">{t("start.progress", { done: started.length, all: start.variables.starts.length })}</span>
        )}
      </div>
      {started.length > 0 && <StartedList started={started} />}
    </form>
  );
}

function StartedList({ started }: { started: Started[] }) {
  const { t } = useI18n();
  const only = started.length === 1 ? started[0] : undefined;
  if (only && "error" in only) return <ProblemPanel error={only.error} />;
  return (
    <section aria-live="polite">
      <h3>{t("start.started", { count: started.filter((s) => "run" in s).length })}</h3>
      <ul className={css["started"]}>
        {started.map((s, i) => (
          <li key={i}>
            {"run" in s ? (
              <>
                <Link to={`/runs/${s.run.id}`}>{s.label || s.run.id}</Link>
              </>
            ) : (
              <>
                <strong>{s.label}</strong> <span>{problemOf(s.error).detail || t("problem.title")}</span>
              </>
            )}
          </li>
        ))}
      </ul>
      <Link to="/runs">{t("start.toRuns")}</Link>
    </section>
  );
}
