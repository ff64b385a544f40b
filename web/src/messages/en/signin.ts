export default {
  title: "Sign in",
  email: "E-mail",
  password: "Password",
  submit: "Sign in",
  forgot: "Forgot it? An administrator can make a new one for you.",
  endedTitle: "Your session has ended",
  endedWhy: "Sign in again to go on where you were. What you typed is still there.",
  other: "Sign in as somebody else",
} as const;
