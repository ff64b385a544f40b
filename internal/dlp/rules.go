package dlp

import (
	"encoding/base64"
	"strings"
)

// secretRules are the keys that are known by their prefix, with the lengths and
// alphabets that their makers document or use. The more specific of two rules
// that may find the same text stands first.
var secretRules = []rule{
	// Clouds.
	{name: "AWS_ACCESS_KEY_ID", prefix: "AKIA", body: upperNum, min: 16, max: 16, check: varied},
	{name: "AWS_ACCESS_KEY_ID", prefix: "ASIA", body: upperNum, min: 16, max: 16, check: varied},
	{name: "AWS_ACCESS_KEY_ID", prefix: "ABIA", body: upperNum, min: 16, max: 16, check: varied},
	{name: "AWS_ACCESS_KEY_ID", prefix: "ACCA", body: upperNum, min: 16, max: 16, check: varied},
	{name: "AWS_BEDROCK_KEY", prefix: "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t", body: base64Std, check: anything},
	{name: "GOOGLE_API_KEY", prefix: "AIza", body: wordish, min: 35, max: 35, check: plausible},
	{name: "GOOGLE_OAUTH_SECRET", prefix: "GOCSPX-", body: wordish, min: 28, check: plausible},
	{name: "GOOGLE_OAUTH_TOKEN", prefix: "ya29.", body: wordish, min: 30, check: plausible},
	{name: "DIGITALOCEAN_TOKEN", prefix: "dop_v1_", body: hexLower, min: 64, check: plausible},
	{name: "DIGITALOCEAN_TOKEN", prefix: "doo_v1_", body: hexLower, min: 64, check: plausible},
	{name: "DIGITALOCEAN_TOKEN", prefix: "dor_v1_", body: hexLower, min: 64, check: plausible},
	{name: "FLY_TOKEN", prefix: "fo1_", body: wordish, min: 43, check: plausible},
	{name: "FLY_TOKEN", prefix: "fm1a_", body: tokenSlash, min: 90, check: plausible},
	{name: "FLY_TOKEN", prefix: "fm1r_", body: tokenSlash, min: 90, check: plausible},
	{name: "FLY_TOKEN", prefix: "fm2_", body: tokenSlash, min: 90, check: plausible},
	{name: "HEROKU_KEY", prefix: "HRKU-", body: wordish, min: 36, check: plausible},
	{name: "RENDER_KEY", prefix: "rnd_", body: alnum, min: 28, check: plausible},
	{name: "VERCEL_TOKEN", prefix: "vcp_", body: wordish, min: 50, check: plausible},
	{name: "VERCEL_TOKEN", prefix: "vci_", body: wordish, min: 50, check: plausible},
	{name: "SUPABASE_KEY", prefix: "sb_secret_", body: wordish, min: 31, check: plausible},
	{name: "SUPABASE_KEY", prefix: "sbp_", body: hexLower, min: 40, check: plausible},
	{name: "PLANETSCALE_TOKEN", prefix: "pscale_tkn_", body: tokenish, min: 32, check: plausible},
	{name: "PLANETSCALE_TOKEN", prefix: "pscale_pw_", body: tokenish, min: 32, check: plausible},
	{name: "PLANETSCALE_TOKEN", prefix: "pscale_oauth_", body: tokenish, min: 32, check: plausible},
	{name: "COCKROACH_KEY", prefix: "CCDB1_", body: wordish, min: 60, check: plausible},

	// Code and packages.
	{name: "GITHUB_TOKEN", prefix: "ghp_", body: alnum, min: 36, check: varied},
	{name: "GITHUB_TOKEN", prefix: "gho_", body: alnum, min: 36, check: varied},
	{name: "GITHUB_TOKEN", prefix: "ghu_", body: alnum, min: 36, check: varied},
	{name: "GITHUB_TOKEN", prefix: "ghs_", body: alnum, min: 36, check: varied},
	{name: "GITHUB_TOKEN", prefix: "ghr_", body: alnum, min: 36, check: varied},
	{name: "GITHUB_TOKEN", prefix: "github_pat_", body: wordish, min: 60, check: plausible},
	{name: "GITLAB_TOKEN", prefix: "glpat-", body: gitlabBody, min: 20, check: plausible},
	{name: "GITLAB_TOKEN", prefix: "gldt-", body: wordish, min: 20, check: plausible},
	{name: "GITLAB_TOKEN", prefix: "glrt-", body: gitlabBody, min: 20, check: plausible},
	{name: "GITLAB_TOKEN", prefix: "glrtr-", body: gitlabBody, min: 20, check: plausible},
	{name: "GITLAB_TOKEN", prefix: "glptt-", body: hexLower, min: 40, check: plausible},
	{name: "GITLAB_TOKEN", prefix: "glft-", body: wordish, min: 20, check: plausible},
	{name: "GITLAB_TOKEN", prefix: "glsoat-", body: wordish, min: 20, check: plausible},
	{name: "GITLAB_TOKEN", prefix: "glffct-", body: wordish, min: 20, check: plausible},
	{name: "GITLAB_TOKEN", prefix: "glcbt-", body: wordish, min: 20, check: plausible},
	{name: "GITLAB_TOKEN", prefix: "glimt-", body: wordish, min: 25, check: plausible},
	{name: "GITLAB_TOKEN", prefix: "glagent-", body: wordish, min: 50, check: plausible},
	{name: "GITLAB_TOKEN", prefix: "gloas-", body: wordish, min: 64, check: plausible},
	{name: "NPM_TOKEN", prefix: "npm_", body: alnum, min: 36, check: plausible},
	{name: "PYPI_TOKEN", prefix: "pypi-AgEIcHlwaS5vcmc", body: wordish, min: 50, check: plausible},
	{name: "RUBYGEMS_KEY", prefix: "rubygems_", body: hexLower, min: 48, check: plausible},
	{name: "CLOJARS_TOKEN", prefix: "CLOJARS_", body: alnum, min: 60, check: plausible},
	{name: "CRATES_TOKEN", prefix: "cio_", body: alnum, min: 32, check: plausible},
	{name: "DOCKER_TOKEN", prefix: "dckr_pat_", body: wordish, min: 27, check: plausible},
	{name: "DOCKER_TOKEN", prefix: "dckr_oat_", body: wordish, min: 32, check: plausible},
	{name: "ATLASSIAN_TOKEN", prefix: "ATATT3", body: tokenish, min: 100, check: plausible},
	{name: "SOURCEGRAPH_TOKEN", prefix: "sgp_", body: wordish, min: 40, check: plausible},
	{name: "OCTOPUS_KEY", prefix: "API-", body: upperNum, min: 26, max: 26, check: varied},

	// Models.
	{name: "ANTHROPIC_API_KEY", prefix: "sk-ant-", body: wordish, min: 30, check: plausible},
	{name: "LANGFUSE_KEY", prefix: "sk-lf-", body: hexDash, min: 36, check: plausible},
	{name: "OPENROUTER_API_KEY", prefix: "sk-or-v1-", body: hexLower, min: 64, check: plausible},
	{name: "OPENAI_API_KEY", prefix: "sk-proj-", body: wordish, min: 20, check: plausible},
	{name: "OPENAI_API_KEY", prefix: "sk-svcacct-", body: wordish, min: 20, check: plausible},
	{name: "OPENAI_API_KEY", prefix: "sk-admin-", body: wordish, min: 20, check: plausible},
	{name: "OPENAI_API_KEY", prefix: "sk-", body: wordish, min: 20, check: unhyphened},
	{name: "GROQ_API_KEY", prefix: "gsk_", body: alnum, min: 40, check: plausible},
	{name: "HUGGING_FACE_TOKEN", prefix: "hf_", body: alnum, min: 30, check: plausible},
	{name: "HUGGING_FACE_TOKEN", prefix: "api_org_", body: alnum, min: 30, check: plausible},
	{name: "PERPLEXITY_API_KEY", prefix: "pplx-", body: alnum, min: 32, check: plausible},
	{name: "XAI_API_KEY", prefix: "xai-", body: alnum, min: 60, check: plausible},
	{name: "REPLICATE_TOKEN", prefix: "r8_", body: alnum, min: 37, check: plausible},
	{name: "CEREBRAS_API_KEY", prefix: "csk-", body: lowerNum, min: 48, check: plausible},
	{name: "FIREWORKS_API_KEY", prefix: "fw_", body: alnum, min: 22, check: plausible},
	{name: "LANGSMITH_KEY", prefix: "lsv2_pt_", body: wordish, min: 32, check: plausible},
	{name: "LANGSMITH_KEY", prefix: "lsv2_sk_", body: wordish, min: 32, check: plausible},
	{name: "WANDB_KEY", prefix: "wandb_v1_", body: wordish, min: 70, check: plausible},
	{name: "PINECONE_KEY", prefix: "pcsk_", body: wordish, min: 50, check: plausible},
	{name: "TAVILY_KEY", prefix: "tvly-", body: wordish, min: 32, check: plausible},
	{name: "DEVIN_TOKEN", prefix: "cog_", body: lowerNum, min: 52, check: plausible},
	{name: "SALLYPORT_API_KEY", prefix: "sp-", body: wordish, min: 60, max: 60, check: ownKey},

	// Messages and mail.
	{name: "SLACK_TOKEN", prefix: "xoxb-", body: wordish, min: 20, check: slack},
	{name: "SLACK_TOKEN", prefix: "xoxp-", body: wordish, min: 20, check: slack},
	{name: "SLACK_TOKEN", prefix: "xoxa-", body: wordish, min: 20, check: slack},
	{name: "SLACK_TOKEN", prefix: "xoxo-", body: wordish, min: 20, check: slack},
	{name: "SLACK_TOKEN", prefix: "xoxs-", body: wordish, min: 20, check: slack},
	{name: "SLACK_TOKEN", prefix: "xoxr-", body: wordish, min: 20, check: slack},
	{name: "SLACK_TOKEN", prefix: "xoxc-", body: wordish, min: 20, check: slack},
	{name: "SLACK_TOKEN", prefix: "xoxd-", body: percentish, min: 20, check: plausible},
	{name: "SLACK_TOKEN", prefix: "xoxe-", body: wordish, min: 20, check: slack},
	{name: "SLACK_TOKEN", prefix: "xoxe.xoxp-", body: wordish, min: 20, check: plausible},
	{name: "SLACK_TOKEN", prefix: "xoxe.xoxb-", body: wordish, min: 20, check: plausible},
	{name: "SLACK_TOKEN", prefix: "xapp-", body: wordish, min: 20, check: plausible},
	{name: "SLACK_WEBHOOK", prefix: "hooks.slack.com/services/", body: pathish, min: 35, check: anything},
	{name: "SLACK_WEBHOOK", prefix: "hooks.slack.com/workflows/", body: pathish, min: 35, check: anything},
	{name: "SENDGRID_KEY", prefix: "SG.", body: tokenish, min: 60, check: plausible},
	{name: "SENDINBLUE_KEY", prefix: "xkeysib-", body: wordish, min: 64, check: plausible},
	{name: "MAILGUN_KEY", prefix: "key-", body: hexLower, min: 32, max: 32, check: plausible},

	// Payments and shops.
	{name: "STRIPE_KEY", prefix: "sk_live_", body: wordish, min: 10, check: plausible},
	{name: "STRIPE_KEY", prefix: "rk_live_", body: wordish, min: 10, check: plausible},
	{name: "STRIPE_KEY", prefix: "sk_test_", body: wordish, min: 20, check: plausible},
	{name: "STRIPE_KEY", prefix: "rk_test_", body: wordish, min: 20, check: plausible},
	{name: "STRIPE_WEBHOOK_SECRET", prefix: "whsec_", body: base64Std, min: 24, check: plausible},
	{name: "SQUARE_TOKEN", prefix: "sq0atp-", body: wordish, min: 22, check: plausible},
	{name: "SQUARE_TOKEN", prefix: "EAAA", body: wordish, min: 22, max: 60, check: plausible},
	{name: "SQUARE_TOKEN", prefix: "sq0csp-", body: wordish, min: 40, check: plausible},
	{name: "SHOPIFY_TOKEN", prefix: "shpat_", body: hexAny, min: 32, check: plausible},
	{name: "SHOPIFY_TOKEN", prefix: "shpca_", body: hexAny, min: 32, check: plausible},
	{name: "SHOPIFY_TOKEN", prefix: "shppa_", body: hexAny, min: 32, check: plausible},
	{name: "SHOPIFY_TOKEN", prefix: "shpss_", body: hexAny, min: 32, check: plausible},
	{name: "FLUTTERWAVE_KEY", prefix: "FLWSECK_TEST-", body: wordish, min: 12, check: plausible},
	{name: "DUFFEL_TOKEN", prefix: "duffel_test_", body: tokenish, min: 43, check: plausible},
	{name: "DUFFEL_TOKEN", prefix: "duffel_live_", body: tokenish, min: 43, check: plausible},
	{name: "GOCARDLESS_TOKEN", prefix: "live_", body: tokenish, min: 40, check: plausible},
	{name: "PADDLE_KEY", prefix: "pdl_live_apikey_", body: wordish, min: 45, check: plausible},
	{name: "MERCURY_TOKEN", prefix: "mercury_production_", body: wordish, min: 40, check: plausible},
	{name: "MIDTRANS_KEY", prefix: "Mid-server-", body: wordish, min: 16, check: plausible},
	{name: "MIDTRANS_KEY", prefix: "Mid-client-", body: wordish, min: 16, check: plausible},

	// Operations.
	{name: "VAULT_TOKEN", prefix: "hvs.", body: wordish, min: 24, check: plausible},
	{name: "VAULT_TOKEN", prefix: "hvb.", body: wordish, min: 24, check: plausible},
	{name: "TERRAFORM_TOKEN", prefix: ".atlasv1.", body: tokenish, min: 60, check: plausible},
	{name: "PULUMI_TOKEN", prefix: "pul-", body: hexLower, min: 40, check: plausible},
	{name: "DOPPLER_TOKEN", prefix: "dp.pt.", body: alnum, min: 40, check: plausible},
	{name: "DOPPLER_TOKEN", prefix: "dp.st.", body: tokenish, min: 40, check: plausible},
	{name: "GRAFANA_TOKEN", prefix: "glsa_", body: wordish, min: 40, check: plausible},
	{name: "GRAFANA_TOKEN", prefix: "glc_", body: base64Std, min: 32, check: plausible},
	{name: "SENTRY_TOKEN", prefix: "sntrys_", body: tokenSlash, min: 60, check: plausible},
	{name: "SENTRY_TOKEN", prefix: "sntryu_", body: hexLower, min: 64, check: plausible},
	{name: "NEW_RELIC_KEY", prefix: "NRAK-", body: alnum, min: 27, check: plausible},
	{name: "NEW_RELIC_KEY", prefix: "NRII-", body: wordish, min: 32, check: plausible},
	{name: "NEW_RELIC_KEY", prefix: "NRJS-", body: hexLower, min: 19, check: plausible},
	{name: "DYNATRACE_TOKEN", prefix: "dt0c01.", body: tokenish, min: 80, check: plausible},
	{name: "PREFECT_KEY", prefix: "pnu_", body: alnum, min: 36, check: plausible},
	{name: "ROOTLY_KEY", prefix: "rootly_", body: hexLower, min: 64, check: plausible},
	{name: "SCALINGO_TOKEN", prefix: "tk-us-", body: wordish, min: 48, check: plausible},
	{name: "SETTLEMINT_TOKEN", prefix: "sm_sat_", body: alnum, min: 16, check: plausible},
	{name: "SETTLEMINT_TOKEN", prefix: "sm_pat_", body: alnum, min: 16, check: plausible},
	{name: "SETTLEMINT_TOKEN", prefix: "sm_aat_", body: alnum, min: 16, check: plausible},
	{name: "AUTHRESS_KEY", prefix: "sc_", body: tokenish, min: 60, check: authress},
	{name: "ONEPASSWORD_TOKEN", prefix: "ops_eyJ", body: base64Std, min: 200, check: anything},
	{name: "AGE_SECRET_KEY", prefix: "AGE-SECRET-KEY-1", body: upperNum, min: 58, check: anything},
	{name: "DEVCYCLE_KEY", prefix: "dvc_client_", body: wordish, min: 20, check: plausible},
	{name: "DEVCYCLE_KEY", prefix: "dvc_server_", body: wordish, min: 20, check: plausible},
	{name: "POLAR_TOKEN", prefix: "polar_pat_", body: wordish, min: 30, check: plausible},

	// Work and data.
	{name: "LINEAR_API_KEY", prefix: "lin_api_", body: alnum, min: 40, check: plausible},
	{name: "NOTION_TOKEN", prefix: "ntn_", body: alnum, min: 40, check: plausible},
	{name: "NOTION_TOKEN", prefix: "secret_", body: alnum, min: 43, max: 43, check: plausible},
	{name: "FIGMA_TOKEN", prefix: "figd_", body: wordish, min: 38, check: plausible},
	{name: "CLICKUP_TOKEN", prefix: "pk_", body: upperUnder, min: 40, check: plausible},
	{name: "POSTHOG_KEY", prefix: "phx_", body: wordish, min: 43, check: plausible},
	{name: "POSTHOG_KEY", prefix: "phc_", body: wordish, min: 43, check: plausible},
	{name: "POSTMAN_KEY", prefix: "PMAK-", body: wordish, min: 50, check: plausible},
	{name: "TYPEFORM_TOKEN", prefix: "tfp_", body: tokenish, min: 59, check: plausible},
	{name: "README_KEY", prefix: "rdme_", body: lowerNum, min: 70, check: plausible},
	{name: "FRAMEIO_TOKEN", prefix: "fio-u-", body: tokenish, min: 60, check: plausible},
	{name: "SHIPPO_TOKEN", prefix: "shippo_live_", body: hexAny, min: 40, check: plausible},
	{name: "SHIPPO_TOKEN", prefix: "shippo_test_", body: hexAny, min: 40, check: plausible},
	{name: "INFRACOST_KEY", prefix: "ico-", body: alnum, min: 32, check: plausible},
	{name: "PINTEREST_TOKEN", prefix: "pina_", body: wordish, min: 40, check: plausible},
	{name: "ADOBE_SECRET", prefix: "p8e-", body: wordish, min: 32, check: plausible},
	{name: "EBAY_SECRET", prefix: "PRD-", body: hexDash, min: 30, check: plausible},
	{name: "ENDORLABS_KEY", prefix: "endr+", body: wordish, min: 16, check: plausible},

	// Structures.
	{name: "JWT", prefix: "eyJ", body: tokenish, min: 20, check: webToken},
	{name: "PRIVATE_KEY", prefix: "LS0tLS1CRUdJTi", body: base64Std, min: 100, check: anything}, // a PEM block in base64
}

var (
	tokenSlash = newCharset("a-zA-Z0-9_+/=,.-")
	gitlabBody = newCharset("a-zA-Z0-9_.-")
	hexDash    = newCharset("a-fA-F0-9-")
	upperUnder = newCharset("A-Z0-9_")
	percentish = newCharset("a-zA-Z0-9%_/+=-")
)

// anything is the check of rules whose prefix says enough.
func anything(string) bool { return true }

// varied refuses fillers such as xxxx…: a key has several different characters.
func varied(body string) bool { return distinct(body) >= 4 }

func distinct(body string) int {
	var seen charset
	n := 0
	for i := 0; i < len(body); i++ {
		if !seen[body[i]] {
			seen[body[i]] = true
			n++
		}
	}
	return n
}

// plausible refuses fillers and names made of words: a random key of these
// lengths has digits, or letters of both cases.
func plausible(body string) bool {
	if distinct(body) < 6 {
		return false
	}
	var digit, lower, upper bool
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case isDigit(c):
			digit = true
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z':
			upper = true
		}
	}
	return digit || lower && upper
}

// unhyphened is for a prefix as short as "sk-": what follows must have one
// unbroken part that is long and plausible.
func unhyphened(body string) bool {
	for part := range strings.FieldsFuncSeq(body, func(r rune) bool { return r == '-' || r == '_' }) {
		if len(part) >= 16 && plausible(part) {
			return true
		}
	}
	return false
}

// slack asks for the numbers that follow the prefix, or for one long part.
func slack(body string) bool {
	if !plausible(body) {
		return false
	}
	first, rest, _ := strings.Cut(body, "-")
	return len(first) >= 6 && digitSet.onlyOf(first) && len(rest) >= 8 || unhyphened(body)
}

// ownKey is this program's own form: an id and a secret.
func ownKey(body string) bool {
	return base32Set.onlyOf(body[:16]) && body[16] == '-'
}

func authress(body string) bool { return strings.Contains(body, ".acc") }

// webToken asks for a header that decodes to a JSON object, and for a second part.
func webToken(body string) bool {
	header, rest, _ := strings.Cut(body, ".")
	if len(rest) < 10 {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight("eyJ"+header, "="))
	return err == nil && len(text) > 5 && text[len(text)-1] == '}'
}
