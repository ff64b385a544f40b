/** What the server said when it refused, or why it could not be asked. */
export class ApiError extends Error {
  /** 0: the server was not reached. */
  readonly status: number;
  /** The server's code, or the label of the status. */
  readonly code: string;
  readonly requestId: string;
  /** When to try again, in seconds; undefined: the server did not say. */
  readonly retryAfter: number | undefined;
  /** What is wrong with the request, one by one. */
  readonly fields: readonly string[];

  constructor(status: number, code: string, message: string, more: { requestId?: string; retryAfter?: number | undefined; fields?: string[] } = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.requestId = more.requestId ?? "";
    this.retryAfter = more.retryAfter;
    this.fields = more.fields ?? [];
  }

  get unreachable(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

interface ErrorBody {
  error?: string | { message?: string; code?: string };
  code?: string;
  message?: string;
  fields?: string[];
}

/** Reads the error of an answer: flat, in OpenAI's shape, or a proxy's page of HTML. */
export async function errorOf(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => ({}))) as ErrorBody | null;
  const inner = typeof body?.error === "object" ? body.error : undefined;
  const label = typeof body?.error === "string" ? body.error : response.statusText;
  const wait = Number(response.headers.get("Retry-After"));
  return new ApiError(response.status, body?.code ?? inner?.code ?? label, body?.message ?? inner?.message ?? label, {
    requestId: response.headers.get("X-Request-Id") ?? "",
    retryAfter: Number.isFinite(wait) && wait > 0 ? wait : undefined,
    fields: body?.fields ?? [],
  });
}
