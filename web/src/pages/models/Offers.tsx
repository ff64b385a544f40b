import { Button } from "@/components/Button";
import { Chip } from "@/components/Chip";
import { FormError } from "@/components/Form";
import { States } from "@/components/States";
import { Time } from "@/components/Time";
import { t } from "@/messages";
import { useSession } from "@/session";
import { addOffered, type Offer, type Offers as OffersOf, refreshOffers, useModelChange, useOffers } from "./data";

/** What a provider lists, beside what the catalogue has of it. */
export function Offers({ provider }: { provider: string }) {
  const { can } = useSession();
  const query = useOffers(provider, can("providers.offers"));
  const refresh = useModelChange(refreshOffers);
  if (!can("providers.offers")) return null;
  return (
    <section aria-label={t("models.offers")} className="flex flex-col gap-3 border-t border-line pt-4">
      <div className="flex flex-wrap items-center gap-2">
        <h3 className="font-semibold">{t("models.offers")}</h3>
        {can("providers.refresh") && <Button className="ms-auto" busy={refresh.isPending} onClick={() => refresh.mutate(provider)}>{t("models.refresh")}</Button>}
      </div>
      <FormError error={refresh.error} />
      <States query={query}>{(offers) => <Listed provider={provider} offers={offers} />}</States>
    </section>
  );
}

function Listed({ provider, offers }: { provider: string; offers: OffersOf }) {
  const models = offers.models ?? [];
  const vanished = offers.vanished ?? [];
  return (
    <>
      <p className="text-sm text-muted">
        {t("models.offersAt")} <Time at={offers.listed_at} />{offers.partial && ` · ${t("models.offersPartial")}`}
      </p>
      {offers.message && <p className="rounded-md bg-warn-soft p-3">{offers.failed && `${t("models.failedAt", { step: offers.failed })}. `}{offers.message}</p>}
      {!offers.addable && models.length > 0 && <p className="text-sm text-muted">{t("models.offersOperator")}</p>}
      {vanished.length > 0 && (
        <div className="rounded-md bg-warn-soft p-3">
          <p className="font-medium">{t("models.vanishedTitle")}</p>
          <p className="break-words">{vanished.map((v) => (v.model === v.target ? v.model : `${v.model} (${v.target})`)).join(", ")}</p>
        </div>
      )}
      {models.length > 0 && (
        <ul aria-label={t("models.offers")} className="flex max-h-96 flex-col overflow-auto" tabIndex={0}>
          {models.map((offer) => <OfferRow key={offer.target} provider={provider} offer={offer} addable={offers.addable} />)}
        </ul>
      )}
    </>
  );
}

function OfferRow({ provider, offer, addable }: { provider: string; offer: Offer; addable: boolean }) {
  const { can } = useSession();
  const add = useModelChange(addOffered);
  const known = (offer.models ?? []).length > 0;
  const served = offer.type !== "other";
  return (
    <li className="flex flex-wrap items-center gap-2 border-b border-line py-1.5">
      <code className="min-w-0 break-all">{offer.target}</code>
      {offer.type !== "chat" && <Chip>{t(`models.type_${offer.type as "other"}`)}</Chip>}
      {known ? <Chip tone="ok">{t("models.offerKnown")}</Chip> : served && <Chip tone="accent">{t("models.offerNew")}</Chip>}
      {!known && served && !offer.price_known && <Chip tone="warn">{t("models.noPrice")}</Chip>}
      {!known && served && addable && can("models.add") && (
        <Button className="ms-auto" aria-label={t("models.addOffer", { name: offer.target })} busy={add.isPending} onClick={() => add.mutate({ provider, target: offer.target })}>{t("models.addShort")}</Button>
      )}
      <FormError error={add.error} />
    </li>
  );
}
