export default {
  title: "Set up Sallyport",
  intro: "Nobody is here yet. Make the organisation and its first administrator.",
  token: "Set-up token",
  tokenHelp: "The server printed it when it started.",
  organisation: "Organisation",
  name: "Your name",
  email: "E-mail",
  password: "Password",
  passwordHelp: "At least 12 characters.",
  submit: "Set up and sign in",
  done: "Everything is set up already.",
  toSignIn: "Go to sign-in",
} as const;
