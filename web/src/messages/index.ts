import { format, type Values } from "./format";
import agents from "./en/agents";
import api from "./en/api";
import audit from "./en/audit";
import chat from "./en/chat";
import common from "./en/common";
import dlp from "./en/dlp";
import groups from "./en/groups";
import invite from "./en/invite";
import keys from "./en/keys";
import limits from "./en/limits";
import models from "./en/models";
import palette from "./en/palette";
import profile from "./en/profile";
import runs from "./en/runs";
import security from "./en/security";
import setup from "./en/setup";
import shared from "./en/shared";
import shares from "./en/shares";
import shell from "./en/shell";
import signin from "./en/signin";
import sinks from "./en/sinks";
import system from "./en/system";
import usage from "./en/usage";
import users from "./en/users";

// English is the catalogue; a language is another one of the same shape.
const catalogue = {
  agents,
  api,
  audit,
  chat,
  common,
  dlp,
  groups,
  invite,
  keys,
  limits,
  models,
  palette,
  profile,
  runs,
  security,
  setup,
  shared,
  shares,
  shell,
  signin,
  sinks,
  system,
  usage,
  users,
};

type Catalogue = typeof catalogue;

/** The name of a message: its file and its name there, as in "users.title". */
export type MessageKey = { [Noun in keyof Catalogue]: `${Noun}.${keyof Catalogue[Noun] & string}` }[keyof Catalogue];

/** The language of texts, dates and numbers. */
export const locale = "en";

/** The message with its values. */
export function t(key: MessageKey, values: Values = {}): string {
  const dot = key.indexOf(".");
  const noun = catalogue[key.slice(0, dot) as keyof Catalogue] as Record<string, string>;
  return format(noun[key.slice(dot + 1)] ?? key, values, locale);
}
