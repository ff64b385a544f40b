import { Command } from "cmdk";
import { ChevronDown } from "lucide-react";
import { useState } from "react";
import { type Model, useAvailableModels } from "@/api/models";
import { creditText } from "@/components/Amount";
import { Button } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { Modal } from "@/components/Modal";
import { States } from "@/components/States";
import { locale, t } from "@/messages";

/** The button beside the composer: which model answers, and the way to another. */
export function ModelButton({ model, onOpen }: { model: string; onOpen: () => void }) {
  const { data } = useAvailableModels();
  const found = data?.find((m) => m.id === model);
  const name = found?.display_name || model || t("chat.modelNone");
  return (
    <Button size="small" look="quiet" onClick={onOpen} aria-label={t("chat.modelButton", { name })} title={`${name} (Alt Shift M)`} className="min-w-0 max-w-96 shrink max-md:h-auto max-md:min-h-7 pointer-coarse:max-md:min-h-11">
      <span className="truncate text-start max-md:line-clamp-4 max-md:wrap-anywhere max-md:whitespace-normal md:pointer-coarse:line-clamp-2 md:pointer-coarse:whitespace-normal">{name}</span>
      {data && model && !found && <Chip tone="warn">{t("chat.modelGone")}</Chip>}
      <ChevronDown aria-hidden className="size-3 shrink-0" />
    </Button>
  );
}

interface PickerProps {
  open: boolean;
  title: string;
  model: string;
  onClose: () => void;
  onPick: (model: string) => void;
}

/** Chooses one of the allowed models: with provider, window, price and what it can do. */
export function ModelPicker({ open, title, model, onClose, onPick }: PickerProps) {
  const query = useAvailableModels();
  return (
    <Modal title={title} open={open} onClose={onClose}>
      <States query={query} isEmpty={(models) => models.length === 0} empty={<p>{t("chat.modelsEmpty")}</p>}>
        {(models) => (
          <ModelList
            models={models}
            model={model}
            onPick={(id) => {
              onPick(id);
              onClose();
            }}
          />
        )}
      </States>
    </Modal>
  );
}

function ModelList({ models, model, onPick }: { models: Model[]; model: string; onPick: (id: string) => void }) {
  const [text, setText] = useState("");
  return (
    <Command label={t("chat.modelSearch")} defaultValue={model} className="flex min-h-0 flex-col gap-2">
      <Command.Input
        value={text}
        onValueChange={setText}
        placeholder={t("chat.modelSearch")}
        className="h-9 w-full rounded-md border border-edge bg-surface px-3 max-md:text-lg"
      />
      <Command.List label={t("chat.models")} className="max-h-[50vh] overflow-auto">
        <Command.Empty className="p-3 text-muted">{t("common.nothingMatches")}</Command.Empty>
        {models.map((m) => (
          <Command.Item
            key={m.id}
            value={m.id}
            keywords={[m.display_name, m.provider]}
            onSelect={() => onPick(m.id)}
            className="flex flex-col gap-0.5 rounded-sm px-2 py-1.5 data-[selected=true]:bg-sunken"
          >
            <ModelRow m={m} chosen={m.id === model} />
          </Command.Item>
        ))}
      </Command.List>
    </Command>
  );
}

const compact = new Intl.NumberFormat(locale, { notation: "compact" });

function ModelRow({ m, chosen }: { m: Model; chosen: boolean }) {
  const facts = [
    m.provider,
    m.context_window ? t("chat.modelWindow", { n: compact.format(m.context_window) }) : "",
    m.price.input !== undefined && m.price.output !== undefined
      ? t("chat.modelPrice", { input: creditText(m.price.input), output: creditText(m.price.output) })
      : "",
  ];
  return (
    <>
      <span className="flex flex-wrap items-center gap-2 font-medium wrap-anywhere">
        {m.display_name || m.id}
        {chosen && <Chip tone="accent">{t("chat.modelChosen")}</Chip>}
        {m.offline && <Chip>{t("chat.modelOffline")}</Chip>}
        {m.images && <Chip>{t("chat.modelImages")}</Chip>}
        {m.reasons && <Chip>{t("chat.modelReasons")}</Chip>}
      </span>
      <span className="text-xs text-muted">{facts.filter(Boolean).join(" · ")}</span>
    </>
  );
}
