import { Modal } from "@/components/Modal";
import { type MessageKey, t } from "@/messages";

const lists: [MessageKey, [string, MessageKey][]][] = [
  ["keys.everywhere", [
    ["Ctrl K / ⌘ K", "keys.palette"],
    ["?", "keys.list"],
    ["G C", "keys.goChat"],
    ["G A", "keys.goAgents"],
    ["G R", "keys.goRuns"],
    ["G S", "keys.goSettings"],
    ["N", "keys.new"],
    ["/", "keys.search"],
    ["Ctrl Enter / ⌘ Enter", "keys.send"],
    ["Esc", "keys.close"],
  ]],
  ["keys.tables", [
    ["J / ↓", "keys.next"],
    ["K / ↑", "keys.previous"],
    ["Enter", "keys.open"],
    ["X", "keys.select"],
  ]],
  ["keys.chat", [
    ["Enter", "keys.sendMessage"],
    ["Shift Enter", "keys.newLine"],
    ["Esc", "keys.stop"],
    ["Alt Shift C", "keys.copyAnswer"],
    ["Alt Shift M", "keys.models"],
  ]],
];

/** Every shortcut there is. */
export default function KeysDialog({ onClose }: { onClose: () => void }) {
  return (
    <Modal title={t("keys.title")} open onClose={onClose}>
      <KeyLists />
    </Modal>
  );
}

export function KeyLists() {
  return lists.map(([title, keys]) => (
    <section key={title}>
      <h3 className="mb-1 font-medium">{t(title)}</h3>
      <dl className="grid grid-cols-[minmax(120px,auto)_1fr] gap-x-4 gap-y-1.5">
        {keys.map(([key, does]) => (
          <div key={key} className="contents">
            <dt>
              <kbd className="rounded-sm border border-line bg-sunken px-1.5 py-0.5 font-mono text-xs">{key}</kbd>
            </dt>
            <dd>{t(does)}</dd>
          </div>
        ))}
      </dl>
    </section>
  ));
}
