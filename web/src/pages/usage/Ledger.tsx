import { toast } from "sonner";
import { creditText } from "@/components/Amount";
import { type Column, DataTable } from "@/components/DataTable";
import { Field, Form, Input } from "@/components/Form";
import { Modal } from "@/components/Modal";
import { Empty, States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { type Entry, useGrant, useLedger } from "./data";

const kinds: Record<string, string> = { grant: t("usage.kindGrant"), charge: t("usage.kindCharge"), refund: t("usage.kindRefund") };

const columns: Column<Entry>[] = [
  { id: "seq", header: t("usage.seq"), width: "80px", align: "end", cell: (e) => e.seq },
  { id: "at", header: t("usage.at"), cell: (e) => <Time at={e.at} /> },
  { id: "kind", header: t("usage.kind"), cell: (e) => kinds[e.kind] ?? e.kind },
  { id: "amount", header: t("usage.amountColumn"), align: "end", cell: (e) => creditText(e.amount) },
  { id: "balance", header: t("usage.balanceAfter"), align: "end", cell: (e) => creditText(e.balance_after) },
  { id: "what", header: t("usage.what"), width: "minmax(160px, 2fr)", cell: (e) => what(e) },
];

function what(e: Entry): string {
  return [e.model, e.note, e.estimated && t("usage.estimated"), e.overrun && t("usage.overrun")].filter(Boolean).join(", ");
}

export function Ledger() {
  const query = useLedger();
  return (
    <States query={query} isEmpty={(d) => d.pages[0]?.length === 0} empty={<Empty title={t("usage.emptyLedger")} />}>
      {(data) => (
        <DataTable
          name="ledger" label={t("usage.tabLedger")} columns={columns} rows={data.pages.flat()} rowId={(e) => String(e.seq)}
          onMore={query.hasNextPage ? () => void query.fetchNextPage() : undefined} loadingMore={query.isFetchingNextPage}
        />
      )}
    </States>
  );
}

export function GrantDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const grant = useGrant();
  const submit = async (form: HTMLFormElement) => {
    const of = new FormData(form);
    await grant.mutateAsync({ amount: String(of.get("amount")).trim(), note: String(of.get("note")).trim() });
    toast.success(t("common.saved"));
    onClose();
  };
  return (
    <Modal title={t("usage.grant")} open={open} onClose={onClose}>
      <Form submit={t("usage.grant")} onSubmit={submit} onCancel={onClose}>
        <Field label={t("usage.amount")} help={t("usage.amountHelp")}><Input name="amount" required inputMode="decimal" /></Field>
        <Field label={t("usage.note")} optional><Input name="note" maxLength={200} /></Field>
      </Form>
    </Modal>
  );
}
