import { useNavigate } from "@tanstack/react-router";
import { Building2, LogOut } from "lucide-react";
import { Menu, type MenuItem } from "@/components/Menu";
import { tellFailure } from "@/components/tell";
import { t } from "@/messages";
import { useSession, useSessionState } from "@/session";
import { Account } from "./Account";

/** Who is signed in, their other organisations, and the way out. */
export default function UserMenu() {
  const { user, organisation, organisations } = useSession();
  const { signOut, switchTo } = useSessionState();
  const navigate = useNavigate();
  const items: MenuItem[] = [
    ...organisations
      .filter((o) => o.id !== organisation.id)
      .map((o) => ({
        label: t("shell.switchTo", { name: o.name }),
        icon: <Building2 />,
        onSelect: () => void switchTo(o.id).then(() => navigate({ to: "/chat", ignoreBlocker: true }), tellFailure),
      })),
    { label: t("shell.signOut"), icon: <LogOut />, onSelect: () => void signOut().catch(tellFailure) },
  ];
  return (
    <Menu
      trigger={<Account />}
      head={
        <>
          <span className="block font-medium">{user.name}</span>
          <span className="block text-sm text-muted">{user.email}</span>
        </>
      }
      items={items}
    />
  );
}
