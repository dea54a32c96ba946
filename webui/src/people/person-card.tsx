import { Button } from "@mantine/core";
import { useState } from "react";
import type { Invitation, Person } from "../api/client.ts";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useProposals } from "../govern/queries.ts";
import { WaitingNote } from "../govern/waiting-note.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { useSession } from "../session/session.tsx";
import { Badge } from "../ui/badge.tsx";
import { Confirm } from "../ui/confirm.tsx";
import css from "./people.module.css";
import { useChangePerson, useEndSessions, useInvitePerson, useRemovePerson } from "./queries.ts";
import { Roles } from "./roles.tsx";

interface PersonCardProps {
  person: Person;
  roles: string[];
  mayWrite: boolean;
  onLink: (i: Invitation) => void;
}

/** One account: who it is, what they may do, and what an administrator can do about it. */
export function PersonCard({ person: p, roles, mayWrite, onLink }: PersonCardProps) {
  const { t, f, word } = useI18n();
  const own = useSession().who.id === p.login;
  const [editing, setEditing] = useState<string[]>();
  const [asking, setAsking] = useState(false);
  const change = useChangePerson(p.login);
  const invite = useInvitePerson(p.login);
  const remove = useRemovePerson(p.login);
  const out = useEndSessions(p.login);
  const error = change.error ?? invite.error ?? remove.error ?? out.error;
  const open = useProposals(mayWrite).data?.proposals.find((x) => x.state === "open" && x.person?.login === p.login);
  const waits = change.data?.proposal ?? remove.data?.proposal ?? open;
  const busy = change.isPending || invite.isPending || remove.isPending || out.isPending;
  return (
    <li className={css["card"]} data-person={p.login}>
      <div className={css["head"]}>
        <h2>{p.name}</h2>
        <code>{p.login}</code>
        {p.directory && <Badge tone="info">{t("people.directory")}</Badge>}
        {p.disabled ? (
          <Badge tone="bad">{t("people.disabled")}</Badge>
        ) : p.lockedUntil ? (
          <Badge tone="warn">{t("people.locked", { until: f.dateTime(p.lockedUntil) })}</Badge>
        ) : p.enrolled ? null : (
          <Badge tone="warn">{t("people.waiting")}</Badge>
        )}
      </div>
      <p className={css["facts"]}>
        {p.roles.length > 0 ? p.roles.map((r) => word("role", r)).join(", ") : t("people.noRoles")}
        {" · "}
        {p.signedInAt ? t("people.signedIn", { at: f.dateTime(p.signedInAt) }) : t("people.never")}
        {p.passkeys > 0 && ` · ${t("people.passkeys", { count: p.passkeys })}`}
      </p>
      {p.certificates.length > 0 && (
        <p className={css["facts"]}>{t("people.certificates", { list: p.certificates.join(", ") })}</p>
      )}
      {p.directory && <p className={css["facts"]}>{t("people.directory.about")}</p>}
      {out.data && (
        <p className={css["facts"]} role="status">
          {t("people.signOut.done", { count: out.data.sessions })}
        </p>
      )}
      {editing && (
        <form
          className={css["form"]}
          onSubmit={(e) => {
            e.preventDefault();
            change.mutate({ roles: editing }, { onSuccess: () => setEditing(undefined) });
          }}
        >
          <Roles all={roles} chosen={editing} onChange={setEditing} disabled={busy} />
          <p className={css["facts"]}>{t("people.change.about")}</p>
          <div className={css["foot"]}>
            <Button type="submit" loading={change.isPending}>
              {t("people.save")}
            </Button>
            <Button variant="default" onClick={() => setEditing(undefined)}>
              {t("cancel")}
            </Button>
          </div>
        </form>
      )}
      {error && <ProblemPanel error={error} />}
      {waits && <WaitingNote proposal={waits} />}
      {mayWrite && !own && !editing && (
        <div className={css["foot"]}>
          {!p.directory && (
            <>
              <Button size="xs" variant="default" onClick={() => setEditing(p.roles)} disabled={busy}>
                {t("people.edit")}
              </Button>
              <Button
                size="xs"
                variant="default"
                loading={invite.isPending}
                disabled={p.disabled}
                onClick={() => invite.mutate(undefined, { onSuccess: onLink })}
              >
                {t("people.newLink")}
              </Button>
            </>
          )}
          <Button size="xs" variant="default" loading={out.isPending} onClick={() => out.mutate(undefined)}>
            {t("people.signOut")}
          </Button>
          <Button
            size="xs"
            variant="default"
            loading={change.isPending}
            onClick={() => change.mutate({ disabled: !p.disabled })}
          >
            {t(p.disabled ? "people.enable" : "people.disable")}
          </Button>
          <Button size="xs" variant="default" color="red.9" onClick={() => setAsking(true)} disabled={busy}>
            {t("people.remove")}
          </Button>
        </div>
      )}
      <Confirm
        opened={asking}
        title={t("people.remove.title", { name: p.name })}
        action={t("people.remove")}
        cancel={t("cancel")}
        danger
        busy={remove.isPending}
        onConfirm={() => remove.mutate(undefined, { onSuccess: () => setAsking(false) })}
        onClose={() => setAsking(false)}
      >
        {t("people.remove.about")}
      </Confirm>
    </li>
  );
}
