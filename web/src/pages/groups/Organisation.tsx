import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { NoRight, States } from "@/components/States";
import { t } from "@/messages";
import { useSession } from "@/session";
import { byOrganisation, Permissions, ThingRights } from "./Rights";
import { ceiling, ownRights } from "./groups";

/** What the organisation switches off or leaves to its groups: the ceiling of what groups can grant. */
export function Organisation() {
  const { can } = useSession();
  if (!can("organisation.policies")) return <NoRight>{t("groups.noRightOrganisation")}</NoRight>;
  return <Ceiling />;
}

function Ceiling() {
  const query = useQuery({ queryKey: ["groups", "ceiling"], queryFn: () => Promise.all([ceiling(), ownRights()]) });
  return (
    <div className="min-h-0 flex-1 overflow-auto" data-scroll>
      <div className="mx-auto flex max-w-3xl flex-col gap-6 p-4">
        <Words />
        <States query={query}>
          {([says, rights]) => {
            const props = { by: byOrganisation, says, rights };
            return (
              <>
                <Permissions {...props} />
                <ThingRights {...props} area="models" />
                <p className="text-sm text-muted">{t("groups.later")}</p>
                <ThingRights {...props} area="integrations" named />
                <ThingRights {...props} area="tools" named />
              </>
            );
          }}
        </States>
      </div>
    </div>
  );
}

/** What each of the words does, before anybody chooses one. */
function Words() {
  return (
    <section className="flex flex-col gap-2">
      <p>{t("groups.ceilingHelp")}</p>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm">
        {(["on", "by_group", "off", "silent"] as const).map((state) => (
          <div key={state} className="contents">
            <dt className="font-medium">{t(`groups.${state}`)}</dt>
            <dd className="text-muted">{t(`groups.help_${state}`)}</dd>
          </div>
        ))}
      </dl>
      <p className="text-sm text-muted">
        {t("groups.dlpElsewhere")} <Link to="/admin/dlp" className="text-accent-text underline">{t("dlp.title")}</Link>
      </p>
    </section>
  );
}
