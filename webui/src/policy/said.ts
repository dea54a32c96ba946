import { useMemo } from "react";
import { plainly } from "../i18n/plain.ts";
import { useI18n } from "../i18n/provider.tsx";
import { useSession } from "../session/session.tsx";

/** Says sentences of the appliance in plain words, with the class titles of this site. */
export function useSaid(): (sentence: string, step?: string) => string {
  const { lang, f, text } = useI18n();
  const { classes } = useSession();
  return useMemo(() => {
    const titles = Object.fromEntries(classes.map((c) => [c.name, text(c.title) || c.name]));
    return (sentence, step = "") => plainly(sentence, lang, f, { step, classes: titles });
  }, [lang, f, text, classes]);
}
