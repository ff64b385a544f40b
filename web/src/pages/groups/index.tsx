import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/Button";
import { DataTable } from "@/components/DataTable";
import { Field, Form, Input } from "@/components/Form";
import { Modal } from "@/components/Modal";
import { Page } from "@/components/Page";
import { Empty, NoRight, States } from "@/components/States";
import { Tabs } from "@/components/Tabs";
import { Time } from "@/components/Time";
import { useAddress } from "@/components/address";
import { t } from "@/messages";
import { useSession } from "@/session";
import { GroupDrawer } from "./GroupDrawer";
import { create, freeName, groups } from "./groups";
import { Organisation } from "./Organisation";

export default function Groups() {
  const { can } = useSession();
  const [{ view }] = useAddress();
  if (!can("groups.list")) {
    return (
      <Page title={t("groups.title")}>
        <NoRight>{t("groups.noRight")}</NoRight>
      </Page>
    );
  }
  return view === "organisation" ? (
    <Page title={t("groups.title")} bar={<Views />} fixed>
      <Organisation />
    </Page>
  ) : (
    <GroupList />
  );
}

function Views() {
  const [{ view = "" }, set] = useAddress();
  return (
    <Tabs
      label={t("groups.views")}
      tabs={[["", t("groups.title")], ["organisation", t("groups.organisation")]]}
      chosen={view}
      onChoose={(chosen) => set({ view: chosen || undefined, group: undefined, tab: undefined })}
    />
  );
}

function GroupList() {
  const query = useQuery({ queryKey: ["groups"], queryFn: groups });
  const [address, set] = useAddress();
  const [fresh, setFresh] = useState<string>();
  const [making, setMaking] = useState(false);
  const queries = useQueryClient();
  const open = query.data?.find((g) => g.id === address.group);

  const make = async (form: HTMLFormElement) => {
    const made = await create(String(new FormData(form).get("name")).trim());
    await queries.invalidateQueries({ queryKey: ["groups"] });
    setMaking(false);
    setFresh(made.id);
    set({ group: made.id, tab: "members" }, "push");
  };
  const button = (
    <Button look="primary" data-shortcut="new" disabled={!query.data} onClick={() => setMaking(true)}>
      {t("groups.create")}
    </Button>
  );
  return (
    <Page title={t("groups.title")} count={query.data?.length} actions={button} bar={<Views />} fixed>
      <States query={query} isEmpty={(all) => all.length === 0} empty={<Empty title={t("groups.emptyTitle")}>{t("groups.emptyWhy")}</Empty>}>
        {(all) => (
          <DataTable
            name="groups"
            label={t("groups.list")}
            rows={all}
            rowId={(g) => g.id}
            onOpen={(g) => set({ group: g.id, tab: "members" }, "push")}
            openId={address.group}
            freshId={fresh}
            columns={[
              { id: "name", header: t("groups.name"), cell: (g) => g.name, width: "2fr" },
              { id: "created", header: t("groups.created"), cell: (g) => <Time at={g.created_at} /> },
            ]}
          />
        )}
      </States>
      <Modal title={t("groups.create")} open={making} onClose={() => setMaking(false)}>
        <Form submit={t("groups.make")} onSubmit={make} onCancel={() => setMaking(false)}>
          <Field label={t("groups.name")}>
            <Input name="name" defaultValue={freeName((query.data ?? []).map((g) => g.name), (n) => t("groups.generated", { n }))} maxLength={100} required autoFocus onFocus={(e) => e.target.select()} />
          </Field>
        </Form>
      </Modal>
      {open && <GroupDrawer key={open.id} group={open} tab={address.tab ?? "members"} setTab={(tab) => set({ tab })} close={() => set({ group: undefined, tab: undefined })} />}
    </Page>
  );
}
