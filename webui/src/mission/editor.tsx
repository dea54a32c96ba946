import { Button } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import { Link, useBlocker, useNavigate } from "react-router";
import { Loaded } from "../app/loaded.tsx";
import { ProblemPanel } from "../app/problem-panel.tsx";
import type { MissionEntry } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Panel } from "../ui/panel.tsx";
import { lineRange } from "./lines.ts";
import css from "./missions.module.css";
import { useEdited, useProblems, usePublish, useSaveDraft } from "./queries.ts";

/** The mission file as a text that can be changed, saved as a draft and published. */
export function Editor({ entry }: { entry: MissionEntry }) {
  const { t } = useI18n();
  const [draft] = useState(entry.draft !== undefined); // where the editing began; saving makes a draft
  const source = useEdited(entry.name, draft);
  return (
    <Panel
      title={t("edit.title")}
      aside={draft ? t("edit.draft") : t("edit.published", { version: entry.version })}
      actions={<Link to=".">{t("edit.close")}</Link>}
    >
      <Loaded query={source} lines={12}>
        {(text) => <EditorBody entry={entry} initial={text} />}
      </Loaded>
    </Panel>
  );
}

function EditorBody({ entry, initial }: { entry: MissionEntry; initial: string }) {
  const { t } = useI18n();
  const navigate = useNavigate();
  const [text, setText] = useState(initial);
  const [saved, setSaved] = useState(initial);
  const [checked] = useDebouncedValue(text, 400);
  const [asked, setAsked] = useState(false);
  const problems = useProblems(checked);
  const save = useSaveDraft(entry.name);
  const publish = usePublish(entry.name);
  const box = useRef<HTMLTextAreaElement>(null);
  const changed = text !== saved;
  const blocker = useBlocker(({ nextLocation }) => changed && nextLocation.pathname + nextLocation.search !== here());
  const digest = save.data?.digest ?? entry.draft?.digest;
  const current = checked === text && !problems.isPlaceholderData;
  const fine = current && problems.data?.valid === true;

  useEffect(() => {
    if (!changed) return;
    const warn = (e: BeforeUnloadEvent) => e.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [changed]);

  const show = (line: number) => {
    const { start, end } = lineRange(text, line);
    box.current?.focus();
    box.current?.setSelectionRange(start, end);
  };
  const hint = changed ? t("edit.publish.save") : digest === undefined ? t("edit.publish.same") : "";

  return (
    <div className={css["form"]}>
      <textarea
        ref={box}
        className={css["editor"]}
        aria-label={t("edit.file")}
        aria-describedby="edit-problems"
        aria-invalid={current && problems.data?.valid === false}
        wrap="off"
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
      />
      <div id="edit-problems" role="status">
        {problems.error ? (
          <ProblemPanel error={problems.error} />
        ) : !current || !problems.data ? (
          t("edit.checking")
        ) : problems.data.valid ? (
          t("edit.fine")
        ) : (
          <>
            <strong>{t("edit.problems", { count: problems.data.problems.length })}</strong>
            <ul className={css["problems"]}>
              {problems.data.problems.map((p, i) => (
                <li key={i}>
                  <button type="button" onClick={() => show(p.line ?? 1)}>
                    {p.line !== undefined && (
                      <strong>{t("problem.line", { line: p.line, column: p.column ?? 1 })}: </strong>
                    )}
                    {p.message}
                  </button>
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
      {save.error && <ProblemPanel error={save.error} />}
      {publish.error && <ProblemPanel error={publish.error} />}
      <div className={css["submit"]}>
        <Button
          variant="default"
          loading={save.isPending}
          disabled={!changed}
          onClick={() => save.mutate(text, { onSuccess: () => setSaved(text) })}
        >
          {t("edit.save")}
        </Button>
        <Button disabled={changed || !fine || digest === undefined} onClick={() => setAsked(true)}>
          {t("edit.publish")}
        </Button>
        <span role="status" className={css["when"]}>
          {changed ? t("edit.unsaved") : save.data ? t("edit.saved") : ""} {hint}
        </span>
      </div>
      <Confirm
        opened={asked}
        title={t("edit.publish.title")}
        action={t("edit.publish")}
        cancel={t("cancel")}
        busy={publish.isPending}
        onClose={() => setAsked(false)}
        onConfirm={() =>
          publish.mutate(digest ?? "", {
            onSuccess: () => void navigate(".", { replace: true }),
            onSettled: () => setAsked(false),
          })
        }
      >
        <p>{t("edit.publish.what")}</p>
      </Confirm>
      <Confirm
        opened={blocker.state === "blocked"}
        title={t("edit.leave")}
        action={t("edit.leave.go")}
        cancel={t("edit.leave.stay")}
        danger
        onClose={() => blocker.reset?.()}
        onConfirm={() => blocker.proceed?.()}
      >
        <p>{t("edit.leave.what")}</p>
      </Confirm>
    </div>
  );
}

function here(): string {
  return location.pathname + location.search;
}
