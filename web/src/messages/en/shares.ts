export default {
  title: "Shared links",
  what: "Members of your organisation who have a link can read the conversation as it was when you shared it.",
  empty: "You have shared nothing",
  emptyWhat: "A conversation is shared from its menu in Chat.",
  revoke: "Revoke",
  revokeNamed: "Revoke the link to {title}",
  revokeTitle: "Revoke this link?",
  revokeWhat: "Nobody will be able to open “{title}” by it any more.",
} as const;
