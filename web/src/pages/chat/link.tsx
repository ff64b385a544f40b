import { type ReactNode, useState } from "react";
import { Button } from "@/components/Button";
import { Modal } from "@/components/Modal";
import { t } from "@/messages";
import { safeLink } from "./guard";

/** SafeLink opens an address after the reader has seen all of it. What is no address that we open stays text. */
export function SafeLink({ href, children }: { href?: unknown; children?: ReactNode }) {
  const address = safeLink(href);
  const [asking, setAsking] = useState(false);
  if (!address) return <span data-blocked-link>{children}</span>;
  const ask = (e: { preventDefault: () => void }) => {
    e.preventDefault();
    setAsking(true);
  };
  return (
    <>
      <a
        href={address}
        target="_blank"
        rel="noopener noreferrer nofollow"
        referrerPolicy="no-referrer"
        className="text-accent-text underline underline-offset-2"
        onClick={ask}
        onAuxClick={ask}
      >
        {children}
      </a>
      {asking && <Ask address={address} close={() => setAsking(false)} />}
    </>
  );
}

function Ask({ address, close }: { address: string; close: () => void }) {
  const open = () => {
    window.open(address, "_blank", "noopener,noreferrer");
    close();
  };
  return (
    <Modal title={t("chat.linkTitle")} description={t("chat.linkDescription")} open onClose={close}>
      <p className="max-h-48 overflow-auto rounded-sm border border-line bg-sunken p-2 font-mono text-sm break-all" dir="ltr" data-address>
        {address}
      </p>
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={close}>{t("common.cancel")}</Button>
        <Button look="primary" onClick={open}>
          {t("chat.linkOpen")}
        </Button>
      </div>
    </Modal>
  );
}
