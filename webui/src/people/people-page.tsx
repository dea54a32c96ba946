import { Button } from "@mantine/core";
import { useState } from "react";
import type { Invitation } from "../api/client.ts";
import { Loaded } from "../app/loaded.tsx";
import { WaitingNote } from "../govern/waiting-note.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { useSession } from "../session/session.tsx";
import { Icon } from "../ui/icon.tsx";
import { Empty } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { AddPerson } from "./add-person.tsx";
import { GivenLink } from "./given-link.tsx";
import { KeyPanel } from "./key-panel.tsx";
import css from "./people.module.css";
import { PersonCard } from "./person-card.tsx";
import { SignOutEverybody } from "./sign-out-everybody.tsx";
import { usePeople } from "./queries.ts";

export default function PeoplePage() {
  const { t } = useI18n();
  const people = usePeople();
  const mayWrite = useSession().who.roles.includes("admin");
  const [adding, setAdding] = useState(false);
  const [given, setGiven] = useState<Invitation>();
  return (
    <Page
      title={t("nav.people")}
      subtitle={t("people.about")}
      actions={
        mayWrite &&
        !adding && (
          <>
            <SignOutEverybody />
            <Button leftSection={<Icon name="person" size={14} />} onClick={() => setAdding(true)}>
              {t("people.add")}
            </Button>
          </>
        )
      }
    >
      {given &&
        (given.proposal ? (
          <WaitingNote proposal={given.proposal} />
        ) : (
          <GivenLink invitation={given} onClose={() => setGiven(undefined)} />
        ))}
      <Loaded query={people}>
        {({ people, roles }) => (
          <>
            {adding && (
              <AddPerson
                roles={roles}
                onDone={(i) => {
                  setGiven(i);
                  setAdding(false);
                }}
                onClose={() => setAdding(false)}
              />
            )}
            {people.length === 0 && !adding ? (
              <Empty icon="person" title={t("people.none")}>
                {t("people.none.do")}
              </Empty>
            ) : (
              <ul className={css["cards"]}>
                {people.map((p) => (
                  <PersonCard key={p.login} person={p} roles={roles} mayWrite={mayWrite} onLink={setGiven} />
                ))}
              </ul>
            )}
          </>
        )}
      </Loaded>
      <KeyPanel mayWrite={mayWrite} />
    </Page>
  );
}
