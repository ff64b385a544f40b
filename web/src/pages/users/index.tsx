import { useQueryClient } from "@tanstack/react-query";
import { Download, UserPlus } from "lucide-react";
import { useMemo, useState } from "react";
import { toast } from "sonner";
import { api, ask } from "@/api/client";
import { queryText } from "@/api/query";
import { useAddress } from "@/components/address";
import { Button } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { type Column, DataTable } from "@/components/DataTable";
import type { MenuItem } from "@/components/Menu";
import { Page } from "@/components/Page";
import { SaveButton } from "@/components/SaveButton";
import { type ActiveFilter, Empty, EmptyFiltered, NoRight, States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { useSession } from "@/session";
import { Filters } from "./Filters";
import { GroupsDialog } from "./GroupsDialog";
import { InviteDialog } from "./InviteDialog";
import { OpenInvites } from "./OpenInvites";
import { RoleDialog } from "./RoleDialog";
import { filterOf, type User, useGroupNames, useUsers } from "./users";

type Act = "role" | "groups" | "deactivate" | "signOut";

const columns: Column<User>[] = [
  { id: "email", header: t("users.email"), cell: (u) => u.email, width: "minmax(180px, 2fr)" },
  { id: "name", header: t("users.name"), cell: (u) => u.name, width: "minmax(120px, 1fr)" },
  { id: "role", header: t("users.role"), cell: (u) => t(`users.${u.role}`), width: "140px" },
  { id: "groups", header: t("users.groups"), cell: (u) => u.groups?.map((g) => g.name).join(", ") || "—", width: "minmax(120px, 1fr)" },
  { id: "state", header: t("users.state"), cell: (u) => <Chip tone={u.state === "active" ? "ok" : "neutral"}>{t(`users.${u.state}`)}</Chip>, width: "130px" },
  { id: "seen", header: t("users.seen"), cell: (u) => <Time at={u.seen_at} />, width: "130px" },
  { id: "created", header: t("users.created"), cell: (u) => <Time at={u.created_at} />, width: "130px", hidden: true },
];

/** The people of the organisation, for administrators. */
export default function Users() {
  const { can } = useSession();
  if (!can("users.list")) {
    return (
      <Page title={t("users.title")}>
        <NoRight reason="users.list" />
      </Page>
    );
  }
  return <UserList />;
}

function UserList() {
  const { can } = useSession();
  const queries = useQueryClient();
  const [address, setAddress] = useAddress();
  const filter = filterOf(address);
  const query = useUsers(filter);
  const groups = useGroupNames(can("groups.list"));
  const [inviting, setInviting] = useState(false);
  const [act, setAct] = useState<{ act: Act; user: User } | null>(null);
  const users = useMemo(() => query.data?.pages.flatMap((page) => page.users ?? []), [query.data]);
  const refresh = () => queries.invalidateQueries({ queryKey: ["users"] });
  const close = () => setAct(null);

  const setState = async (user: User, state: User["state"]) => {
    await ask(api.PATCH("/api/v1/users/{id}", { params: { path: { id: user.id } }, body: { state } }));
    await refresh();
  };
  const actions = (user: User): MenuItem[] => [
    ...(can("users.update") ? [{ label: t("users.changeRole"), onSelect: () => setAct({ act: "role", user }) }] : []),
    ...(can("groups.add") ? [{ label: t("users.changeGroups"), onSelect: () => setAct({ act: "groups", user }) }] : []),
    ...(can("users.sign_out") ? [{ label: t("users.signOut"), onSelect: () => setAct({ act: "signOut", user }) }] : []),
    ...(can("users.update")
      ? [
          user.state === "active"
            ? { label: t("users.deactivate"), danger: true, onSelect: () => setAct({ act: "deactivate", user }) }
            : {
                label: t("users.activate"),
                onSelect: () => void setState(user, "active").then(
                  () => toast.success(t("users.activated", { email: user.email })),
                  (error: Error) => toast.error(error.message),
                ),
              },
        ]
      : []),
  ];

  const active: ActiveFilter[] = [
    filter.q && { label: t("users.filterText", { text: filter.q }), remove: () => setAddress({ q: undefined }) },
    filter.role && { label: t("users.filterRole", { role: t(`users.${filter.role}`) }), remove: () => setAddress({ role: undefined }) },
    filter.state && { label: t("users.filterState", { state: t(`users.${filter.state}`) }), remove: () => setAddress({ state: undefined }) },
    filter.group && {
      label: t("users.filterGroup", { group: groups.data?.find((g) => g.id === filter.group)?.name ?? filter.group }),
      remove: () => setAddress({ group: undefined }),
    },
  ].filter((one) => typeof one === "object");
  const clear = () => setAddress({ q: undefined, role: undefined, state: undefined, group: undefined });

  return (
    <Page
      title={t("users.title")}
      fixed
      bar={<Filters filter={filter} groups={groups.data ?? []} onChange={setAddress} />}
      actions={
        <>
          {can("users.export") && (
            <SaveButton path={`/api/v1/users/export${queryText({ ...filter })}`}>
              <Download aria-hidden className="size-4" />
              {t("users.csv")}
            </SaveButton>
          )}
          {can("invites.create") && (
            <Button look="primary" data-shortcut="new" onClick={() => setInviting(true)}>
              <UserPlus aria-hidden className="size-4" />
              {t("users.invite")}
            </Button>
          )}
        </>
      }
    >
      {can("invites.list") && <OpenInvites />}
      <States
        query={{ ...query, data: users }}
        isEmpty={(all) => all.length === 0}
        empty={active.length > 0 ? <EmptyFiltered filters={active} clear={clear} /> : <Empty title={t("users.noMembers")} />}
      >
        {(all) => (
          <DataTable
            name="users"
            label={t("users.list")}
            columns={columns}
            rows={all}
            rowId={(u) => u.id}
            actions={actions}
            onMore={query.hasNextPage ? () => void query.fetchNextPage() : undefined}
            loadingMore={query.isFetchingNextPage}
          />
        )}
      </States>
      <InviteDialog open={inviting} onClose={() => setInviting(false)} groups={groups.data ?? []} />
      {act?.act === "role" && <RoleDialog user={act.user} onClose={close} onDone={refresh} />}
      {act?.act === "groups" && <GroupsDialog user={act.user} groups={groups.data ?? []} onClose={close} onDone={refresh} />}
      <ConfirmDialog
        open={act?.act === "deactivate"}
        title={t("users.deactivateTitle", { email: act?.user.email ?? "" })}
        description={t("users.deactivateWhy")}
        act={t("users.deactivateAct")}
        onClose={close}
        onConfirm={async () => act && (await setState(act.user, "deactivated"))}
      />
      <ConfirmDialog
        open={act?.act === "signOut"}
        title={t("users.signOutTitle", { email: act?.user.email ?? "" })}
        description={t("users.signOutWhy")}
        act={t("users.signOutAct")}
        onClose={close}
        onConfirm={async () => {
          if (!act) return;
          await ask(api.POST("/api/v1/users/{id}/sign-out", { params: { path: { id: act.user.id } } }));
          toast.success(t("users.signedOut", { email: act.user.email }));
        }}
      />
    </Page>
  );
}
