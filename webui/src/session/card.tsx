import type { ReactNode } from "react";
import { LanguageSwitch, SchemeSwitch } from "../app/shell.tsx";
import { Logo } from "../ui/logo.tsx";
import css from "./sign-in.module.css";

/** The frame of the pages for whoever is not signed in. */
export function SessionCard({ children }: { children: ReactNode }) {
  return (
    <main className={css["main"]}>
      <div className={css["tools"]}>
        <LanguageSwitch />
        <SchemeSwitch />
      </div>
      <div className={css["card"]}>
        <Logo edge={44} />
        {children}
      </div>
    </main>
  );
}
