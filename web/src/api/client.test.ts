import { expect, test, vi } from "vitest";
import { ApiError, call, setHooks } from "./client";

function answer(status: number, body: string, headers: Record<string, string> = {}) {
  vi.stubGlobal("fetch", async () => new Response(body, { status, headers }));
}

test.each([
  ["flat", 404, '{"error":"Not found","message":"there is no such key"}', "Not found", "there is no such key"],
  ["in OpenAI's shape", 403, '{"error":{"message":"not yours","code":"model_access_denied"}}', "model_access_denied", "not yours"],
  ["a proxy's page", 502, "<html>bad gateway</html>", "", ""],
])("an error that is %s", async (_, status, body, code, message) => {
  answer(status, body, { "X-Request-Id": "req_1" });
  const error = await call("GET", "/api/v1/x").catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status, code, message, requestId: "req_1" });
});

test("429 says when to try again", async () => {
  answer(429, '{"error":"Too Many Requests","message":"slow down"}', { "Retry-After": "7" });
  await expect(call("GET", "/api/v1/x")).rejects.toMatchObject({ retryAfter: 7 });
});

test("a 401 ends the session, but that of asking for the session", async () => {
  const ended = vi.fn();
  setHooks({ ended });
  answer(401, '{"error":"Unauthorized","message":"no session"}');
  await call("GET", "/api/v1/session").catch(() => {});
  expect(ended).not.toHaveBeenCalled();
  await call("GET", "/api/v1/keys").catch(() => {});
  expect(ended).toHaveBeenCalledOnce();
});

test("a server that is not reached is told of", async () => {
  const reached = vi.fn();
  setHooks({ reached });
  vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("failed to fetch")));
  await expect(call("GET", "/api/v1/x")).rejects.toMatchObject({ status: 0, unreachable: true });
  expect(reached).toHaveBeenCalledWith(undefined);
});
