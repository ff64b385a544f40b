import { useAvailableModels } from "@/api/models";
import { ShortCount } from "@/components/Amount";
import { Chip } from "@/components/Chip";
import { CopyButton } from "@/components/CopyButton";
import { Section } from "@/components/Section";
import { Empty, States } from "@/components/States";
import { t } from "@/messages";

/** What may be named in "model", with window and prices. */
export function AvailableModels() {
  const query = useAvailableModels();
  return (
    <Section title={t("api.models")} help={t("api.modelsHelp")}>
      <States query={query} isEmpty={(models) => models.length === 0} empty={<Empty title={t("api.noModels")}>{t("api.noModelsWhy")}</Empty>}>
        {(models) => (
          <div className="overflow-x-auto" tabIndex={0} role="group" aria-label={t("api.models")}>
            <table className="w-full text-sm">
              <thead className="text-muted">
                <tr className="border-b border-line">
                  <th scope="col" className="h-9 pe-4 text-start font-medium">{t("api.id")}</th>
                  <th scope="col" className="pe-4 text-start font-medium">{t("api.provider")}</th>
                  <th scope="col" className="pe-4 text-end font-medium">{t("api.window")}</th>
                  <th scope="col" className="pe-4 text-end font-medium">{t("api.input")}</th>
                  <th scope="col" className="text-end font-medium">{t("api.output")}</th>
                </tr>
              </thead>
              <tbody>
                {models.map((model) => (
                  <tr key={model.id} className="border-b border-line last:border-0">
                    <th scope="row" className="h-9 pe-4 text-start font-normal">
                      <span className="flex items-center gap-1">
                        <code>{model.id}</code>
                        <CopyButton text={model.id} what={model.id} />
                        {model.default && <Chip tone="accent">{t("api.default")}</Chip>}
                        {model.offline && <Chip>{t("api.offline")}</Chip>}
                      </span>
                    </th>
                    <td className="pe-4">{model.provider}</td>
                    <td className="pe-4 text-end">{model.context_window ? <ShortCount n={model.context_window} /> : "—"}</td>
                    <td className="pe-4 text-end tabular">{model.price.input}</td>
                    <td className="text-end tabular">{model.price.output}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </States>
    </Section>
  );
}
