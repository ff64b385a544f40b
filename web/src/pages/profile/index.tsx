import { Checkbox, Field, Select } from "@/components/Form";
import { Section } from "@/components/Section";
import { setAbsoluteTimes, useAbsoluteTimes } from "@/components/Time";
import { t } from "@/messages";
import { useSession } from "@/session";
import { KeyLists } from "@/shell/Keys";
import { setLetters, useLetters } from "@/shell/shortcuts";
import { setTheme, type ThemeChoice, useTheme } from "@/theme";

/** Who one is here, and how the Terminal looks on this device. */
export default function Profile() {
  return (
    <>
      <Account />
      <Appearance />
      <Keyboard />
    </>
  );
}

function Account() {
  const { user, organisation, role, groups } = useSession();
  const facts = [
    [t("profile.name"), user.name],
    [t("profile.email"), user.email],
    [t("profile.organisation"), organisation.name],
    [t("profile.role"), role],
    [t("profile.groups"), groups.map((g) => g.name).join(", ") || t("profile.noGroups")],
  ];
  return (
    <Section title={t("profile.account")} help={t("profile.byAdministrators")}>
      <dl className="grid grid-cols-[minmax(100px,auto)_1fr] gap-x-6 gap-y-2">
        {facts.map(([term, fact]) => (
          <div key={term} className="contents">
            <dt className="text-muted">{term}</dt>
            <dd className="min-w-0 break-words">{fact || "—"}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

function Appearance() {
  const { choice } = useTheme();
  const absolute = useAbsoluteTimes();
  return (
    <Section title={t("profile.appearance")}>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("profile.theme")}>
          <Select value={choice} onChange={(e) => setTheme(e.target.value as ThemeChoice)}>
            <option value="system">{t("profile.system")}</option>
            <option value="light">{t("profile.light")}</option>
            <option value="dark">{t("profile.dark")}</option>
          </Select>
        </Field>
        <Field label={t("profile.times")}>
          <Select value={absolute ? "absolute" : "relative"} onChange={(e) => setAbsoluteTimes(e.target.value === "absolute")}>
            <option value="relative">{t("profile.relative")}</option>
            <option value="absolute">{t("profile.absolute")}</option>
          </Select>
        </Field>
      </div>
      <p className="text-sm text-muted">{t("profile.languageHelp")}</p>
    </Section>
  );
}

function Keyboard() {
  const letters = useLetters();
  return (
    <Section title={t("profile.keyboard")}>
      <Checkbox label={t("profile.letters")} help={t("profile.lettersHelp")} checked={letters} onChange={(e) => setLetters(e.target.checked)} />
      <KeyLists />
    </Section>
  );
}
