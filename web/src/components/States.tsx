import { CircleAlert, Lock, SearchX, X } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { ApiError } from "@/api/client";
import { t } from "@/messages";
import { Button } from "./Button";
import { CopyButton } from "./CopyButton";
import { TableSkeleton } from "./Skeleton";

/** Nothing is shown for quickAnswer; a skeleton that is shown stays for skeletonMin. */
const quickAnswer = 150;
const skeletonMin = 300;

/** Whether a skeleton is to be shown now, while something loads or just did. */
export function useSkeleton(loading: boolean): boolean {
  const [shown, setShown] = useState(false);
  const since = useRef(0);
  useEffect(() => {
    if (loading === shown) return;
    const wait = loading ? quickAnswer : Math.max(0, since.current + skeletonMin - Date.now());
    const timer = setTimeout(() => {
      since.current = Date.now();
      setShown(loading);
    }, wait);
    return () => clearTimeout(timer);
  }, [loading, shown]);
  return shown;
}

/** The layout of what will come, once it takes so long that a person wonders. */
export function Loading({ children = <TableSkeleton /> }: { children?: ReactNode }) {
  const shown = useSkeleton(true);
  return (
    <div role="status" aria-label={t("common.loading")}>
      {shown && children}
    </div>
  );
}

function Notice({ icon, title, children, role }: { icon?: ReactNode; title: string; children?: ReactNode; role?: "alert" }) {
  return (
    <div role={role} className="mx-auto flex max-w-lg flex-col items-center gap-3 px-4 py-12 text-center">
      {icon && <span aria-hidden className="text-muted [&>svg]:size-6">{icon}</span>}
      <h2 className="text-lg font-semibold">{title}</h2>
      {children}
    </div>
  );
}

/** The first time: what goes here, the one thing to do, and where to read more. */
export function Empty({ title, children, action, icon }: { title: string; children?: ReactNode; action?: ReactNode; icon?: ReactNode }) {
  return (
    <Notice title={title} icon={icon}>
      {children && <div className="text-muted">{children}</div>}
      {action}
    </Notice>
  );
}

export interface ActiveFilter {
  label: string;
  remove: () => void;
}

/** Nothing matches the filters, which can be taken away one by one. */
export function EmptyFiltered({ filters, clear }: { filters: ActiveFilter[]; clear: () => void }) {
  return (
    <Notice title={t("common.nothingMatches")} icon={<SearchX />}>
      <ul className="flex flex-wrap justify-center gap-2">
        {filters.map((filter) => (
          <li key={filter.label}>
            <Button size="small" onClick={filter.remove} aria-label={t("common.removeFilter", { filter: filter.label })}>
              {filter.label}
              <X aria-hidden className="size-3" />
            </Button>
          </li>
        ))}
      </ul>
      <Button look="primary" onClick={clear}>
        {t("common.clearFilters")}
      </Button>
    </Notice>
  );
}

/** In place of what could not be loaded: the reason, the request's id, and a way to try again. */
export function Failed({ error, retry, title = t("common.failedTitle") }: { error: unknown; retry?: () => void; title?: string }) {
  const known = error instanceof ApiError ? error : undefined;
  return (
    <Notice title={title} icon={<CircleAlert />} role="alert">
      <p className="text-muted">{known?.status === 0 ? t("common.failedOffline") : error instanceof Error ? error.message : String(error)}</p>
      {known?.fields.map((field) => (
        <p key={field} className="text-sm text-muted">
          {field}
        </p>
      ))}
      {known?.requestId && <RequestId id={known.requestId} />}
      {retry && <Button onClick={retry}>{t("common.tryAgain")}</Button>}
    </Notice>
  );
}

export function RequestId({ id }: { id: string }) {
  return (
    <p className="flex items-center gap-1 text-xs text-muted">
      {t("common.requestId")} <code className="break-all">{id}</code>
      <CopyButton text={id} what={t("common.requestId")} />
    </p>
  );
}

/** The person may not see this; says who can change that. */
export function NoRight({ reason, children }: { reason?: string; children?: ReactNode }) {
  return (
    <Notice title={t("common.noRightTitle")} icon={<Lock />}>
      {children ? <div className="text-muted">{children}</div> : <p className="text-muted">{t("common.noRightWhy", { reason: reason ?? "—" })}</p>}
    </Notice>
  );
}

/** The part of a query of TanStack that States looks at. */
interface QueryLike<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  isFetching: boolean;
  refetch: () => unknown;
}

interface StatesProps<T> {
  query: QueryLike<T>;
  skeleton?: ReactNode;
  /** What to show when there is nothing; undefined: data is never empty. */
  empty?: ReactNode;
  isEmpty?: (data: T) => boolean;
  children: (data: T) => ReactNode;
}

/**
 * Shows what a query has: its skeleton, its error in place, no right, nothing,
 * or its data. Old data stays on the screen while it is fetched anew.
 */
export function States<T>({ query, skeleton, empty, isEmpty, children }: StatesProps<T>) {
  const skeletonShown = useSkeleton(query.isPending);
  if (query.data === undefined || skeletonShown) {
    if (query.error && !skeletonShown) {
      if (query.error instanceof ApiError && query.error.status === 403) return <NoRight reason={query.error.message} />;
      return <Failed error={query.error} retry={() => void query.refetch()} />;
    }
    return (
      <div role="status" aria-label={t("common.loading")}>
        {skeletonShown && (skeleton ?? <TableSkeleton />)}
      </div>
    );
  }
  return (
    <>
      {query.isFetching && <div aria-hidden className="sticky top-0 z-10 -mb-0.5 h-0.5 animate-pulse bg-accent" />}
      {query.error ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      {empty !== undefined && isEmpty?.(query.data) ? empty : children(query.data)}
    </>
  );
}
