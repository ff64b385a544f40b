export default {
  title: "Invitation",
  join: "Join {organisation}",
  as: "You are invited as {email}, with the role {role}.",
  known: "You have an account here already. Accept with its password.",
  name: "Your name",
  password: "Password",
  newPassword: "Choose a password",
  passwordHelp: "At least 12 characters. A sentence is easy to keep in mind.",
  accept: "Accept and sign in",
  noToken: "This page needs the whole link, with what stands behind the #.",
} as const;
