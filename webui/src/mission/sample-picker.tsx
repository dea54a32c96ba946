import { Checkbox } from "@mantine/core";
import { useId } from "react";
import { Loaded } from "../app/loaded.tsx";
import type { Sample } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { VerdictBadge } from "../run/badges.tsx";
import { Badge } from "../ui/badge.tsx";
import { Icon } from "../ui/icon.tsx";
import css from "./missions.module.css";
import { useSamples } from "./queries.ts";

interface SamplePickerProps {
  mission: string;
  chosen: Sample[];
  error?: string | undefined;
  onChange: (s: Sample[]) => void;
}

/** Samples by the story that they tell; each chosen one becomes a run. */
export function SamplePicker({ mission, chosen, error, onChange }: SamplePickerProps) {
  const { t, word } = useI18n();
  const samples = useSamples(mission, true);
  return (
    <Loaded query={samples}>
      {({ samples }) => {
        const stories = [...new Set(samples.map((s) => s.story))];
        return (
          <div role="group" aria-label={t("start.samples.label")}>
            {error && (
              <p role="alert" className={css["error"]}>
                {error}
              </p>
            )}
            {stories.map((story, i) => {
              const of = samples.filter((s) => s.story === story);
              return (
                <details key={story} className={css["story"]} open={i === 0 || undefined}>
                  <summary>
                    <Icon name="chevron" size={14} />
                    {word("story", story)}
                    <span>{t("start.samples.count", { count: of.length })}</span>
                  </summary>
                  <ul className={css["samples"]}>
                    {of.map((s) => (
                      <SampleRow
                        key={s.file}
                        sample={s}
                        checked={chosen.includes(s)}
                        onChange={(on) => onChange(on ? [...chosen, s] : chosen.filter((c) => c !== s))}
                      />
                    ))}
                  </ul>
                </details>
              );
            })}
          </div>
        );
      }}
    </Loaded>
  );
}

/** What a person calls the kind of a file: its extension. */
function kindOf(s: Sample): string {
  return /\.(\w+)$/.exec(s.file)?.[1]?.toUpperCase() ?? s.mediaType;
}

function SampleRow({
  sample: s,
  checked,
  onChange,
}: {
  sample: Sample;
  checked: boolean;
  onChange: (on: boolean) => void;
}) {
  const { text } = useI18n();
  const id = useId();
  return (
    <li className={css["sample"]} data-file={s.file}>
      <Checkbox id={id} checked={checked} size="xs" mt={4} onChange={(e) => onChange(e.currentTarget.checked)} />
      <div>
        <label htmlFor={id}>{text(s.title) || s.file}</label>
        {text(s.note) && <p>{text(s.note)}</p>}
      </div>
      <span className={css["sampleMeta"]}>
        <Badge>{s.language.toUpperCase()}</Badge>
        <Badge icon="file">{kindOf(s)}</Badge>
        {s.expect && <VerdictBadge is={s.expect} />}
      </span>
    </li>
  );
}
