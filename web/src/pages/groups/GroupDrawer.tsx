import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Tabs } from "radix-ui";
import { useState } from "react";
import { Button } from "@/components/Button";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { Drawer } from "@/components/Drawer";
import { Field, Form, Input } from "@/components/Form";
import { States } from "@/components/States";
import { t } from "@/messages";
import { byGroup, Dlp, Permissions, ThingRights } from "./Rights";
import { type Group, effective, policies, remove, rename } from "./groups";
import { Members } from "./Members";

const tabs = ["members", "permissions", "things", "models"] as const;

interface Props {
  group: Group;
  tab: string;
  setTab: (tab: string) => void;
  close: () => void;
}

export function GroupDrawer({ group, tab, setTab, close }: Props) {
  const queries = useQueryClient();
  const [deleting, setDeleting] = useState(false);
  const again = () => queries.invalidateQueries({ queryKey: ["groups"] });
  return (
    <Drawer title={group.name} open onClose={close} className="w-[min(720px,100vw)]">
      <div className="flex flex-col gap-4 p-4">
        <Form
          key={tab} // who leaves a tab without saving leaves the name as it was, too
          submit={t("groups.rename")}
          className="gap-2"
          onSubmit={async (form) => {
            await rename(group.id, String(new FormData(form).get("name")).trim());
            await again();
          }}
        >
          <Field label={t("groups.name")}>
            <Input name="name" defaultValue={group.name} maxLength={100} required />
          </Field>
        </Form>
        {/* By hand: the focus that comes back to a tab from the question about unsaved changes must not choose it again. */}
        <Tabs.Root value={tab} onValueChange={setTab} activationMode="manual" className="flex flex-col gap-4">
          <Tabs.List aria-label={t("groups.tabs")} className="flex flex-wrap gap-1 border-b border-line">
            {tabs.map((name) => (
              <Tabs.Trigger key={name} value={name} className="h-9 border-b-2 border-transparent px-3 text-muted data-[state=active]:border-accent data-[state=active]:text-text pointer-coarse:h-11">
                {t(`groups.${name}`)}
              </Tabs.Trigger>
            ))}
          </Tabs.List>
          <Tabs.Content value="members">
            <Members group={group.id} />
          </Tabs.Content>
          {tab !== "members" && <Decided group={group.id} tab={tab} />}
        </Tabs.Root>
        <div className="border-t border-line pt-4">
          <Button look="danger" onClick={() => setDeleting(true)}>
            {t("groups.delete")}
          </Button>
        </div>
      </div>
      <ConfirmDialog
        title={t("groups.deleteTitle", { name: group.name })}
        description={t("groups.deleteWhy")}
        act={t("groups.delete")}
        typed={group.name}
        open={deleting}
        onClose={() => setDeleting(false)}
        onConfirm={async () => {
          await remove(group.id);
          await again();
          close();
        }}
      />
    </Drawer>
  );
}

/** The tabs that show what the group decides, each with what comes of it. */
function Decided({ group, tab }: { group: string; tab: string }) {
  const query = useQuery({ queryKey: ["groups", group, "rights"], queryFn: () => Promise.all([policies(group), effective(group)]) });
  return (
    <Tabs.Content value={tab}>
      <States query={query}>
        {([says, rights]) => {
          const props = { by: byGroup(group), says, rights };
          if (tab === "permissions") return <Permissions {...props} />;
          if (tab === "models") {
            return (
              <div className="flex flex-col gap-6">
                <ThingRights {...props} area="models" />
                <Dlp {...props} />
              </div>
            );
          }
          return (
            <div className="flex flex-col gap-6">
              <p className="text-sm text-muted">{t("groups.later")}</p>
              <ThingRights {...props} area="integrations" named />
              <ThingRights {...props} area="tools" named />
            </div>
          );
        }}
      </States>
    </Tabs.Content>
  );
}
