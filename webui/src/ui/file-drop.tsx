import { type DragEvent, useId, useRef, useState } from "react";
import { ActionIcon } from "@mantine/core";
import { Icon } from "./icon.tsx";
import css from "./file-drop.module.css";

interface FileDropProps {
  label: string;
  hint: string;
  files: File[];
  onChange: (files: File[]) => void;
  /** MIME types and extensions as in the accept attribute. */
  accept: string;
  multiple: boolean;
  size: (bytes: number) => string;
  removeLabel: (name: string) => string;
  error?: string | undefined;
}

/** Takes files by dropping them or by the ordinary file dialogue, which a keyboard reaches as well. */
export function FileDrop({ label, hint, files, onChange, accept, multiple, size, removeLabel, error }: FileDropProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);

  const add = (list: FileList | null) => {
    const added = [...(list ?? [])];
    if (added.length === 0) return;
    onChange(multiple ? [...files, ...added] : added.slice(0, 1));
  };
  const drop = (e: DragEvent) => {
    e.preventDefault();
    setOver(false);
    add(e.dataTransfer.files);
  };

  return (
    <div>
      <label
        className={css["zone"]}
        data-over={over || undefined}
        data-error={error ? true : undefined}
        onDragOver={(e) => {
          e.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <input
          ref={input}
          className={css["input"]}
          type="file"
          accept={accept}
          multiple={multiple}
          aria-describedby={`${id}-hint`}
          onChange={(e) => {
            add(e.currentTarget.files);
            e.currentTarget.value = ""; // the same file may be chosen again
          }}
        />
        <Icon name="upload" size={20} />
        <span className={css["label"]}>{label}</span>
        <span className={css["hint"]} id={`${id}-hint`}>
          {hint}
        </span>
      </label>
      {error && (
        <p className={css["error"]} role="alert">
          {error}
        </p>
      )}
      {files.length > 0 && (
        <ul className={css["files"]}>
          {files.map((f, i) => (
            <li key={`${f.name}-${String(i)}`}>
              <Icon name="file" />
              <span className={css["name"]}>{f.name}</span>
              <span className={css["size"]}>{size(f.size)}</span>
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                aria-label={removeLabel(f.name)}
                onClick={() => onChange(files.filter((_, j) => j !== i))}
              >
                <Icon name="cross" size={14} />
              </ActionIcon>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
