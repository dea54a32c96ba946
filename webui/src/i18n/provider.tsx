import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import {
  type Formatters,
  formatters,
  isKey,
  isLanguage,
  type Key,
  type Language,
  type Params,
  pick,
  preferredLanguage,
  translate,
} from "./translate.ts";

interface I18n {
  lang: Language;
  setLang: (l: Language) => void;
  t: (key: Key, params?: Params) => string;
  /** The text for a word that a site may have added: prefix.word, else the word itself. */
  word: (prefix: string, word: string) => string;
  /** The text of a mission or policy in the reader's language. */
  text: (t: Record<string, string> | null | undefined) => string;
  f: Formatters;
}

const storageKey = "skerry-language";
const Context = createContext<I18n | null>(null);

export function I18nProvider({ children }: { children: ReactNode }) {
  const [lang, setLang] = useState<Language>(() => {
    const stored = localStorage.getItem(storageKey);
    return isLanguage(stored) ? stored : preferredLanguage(navigator.languages);
  });
  useEffect(() => {
    document.documentElement.lang = lang;
  }, [lang]);
  const value = useMemo<I18n>(
    () => ({
      lang,
      setLang: (l) => {
        localStorage.setItem(storageKey, l);
        setLang(l);
      },
      t: (key, params) => translate(lang, key, params),
      word: (prefix, word) => {
        const key = `${prefix}.${word}`;
        return isKey(key) ? translate(lang, key) : word;
      },
      text: (text) => pick(text, lang),
      f: formatters(lang),
    }),
    [lang],
  );
  return <Context value={value}>{children}</Context>;
}

export function useI18n(): I18n {
  const c = useContext(Context);
  if (!c) throw new Error("useI18n needs an I18nProvider around it");
  return c;
}
