export default {
  title: "Shared conversation",
  what: "A member of your organisation shared this conversation as it was at this time:",
  mine: "You shared this conversation as it was at this time:",
  person: "The person",
  agent: "Agent",
  gone: "This conversation is not shared any more",
  goneWhy: "Whoever shared it has revoked the link or deleted the conversation, or it belongs to another organisation.",
} as const;
