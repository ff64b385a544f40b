import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp, Columns3, Ellipsis } from "lucide-react";
import { type KeyboardEvent, memo, type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { locale, t } from "@/messages";
import { Button, IconButton } from "./Button";
import { cn } from "./cn";
import { CheckMenu, Menu, type MenuItem } from "./Menu";
import { useColumns } from "./columns";

export interface Column<Row> {
  id: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** As in CSS grid: "120px", "2fr". A bare share is never narrower than 120px. Default: "minmax(100px, 1fr)". */
  width?: string;
  align?: "end";
  /** The server can sort by it. */
  sortable?: boolean;
  /** Not shown until the person chooses it. */
  hidden?: boolean;
}

export interface Sort {
  by: string;
  desc: boolean;
}

interface DataTableProps<Row> {
  /** Names the table for what is kept of it: the chosen columns. */
  name: string;
  /** What the table lists, for people who do not see it. */
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowId: (row: Row) => string;
  /** Enter or a press on a row. */
  onOpen?: (row: Row) => void;
  /** The row whose drawer is open. */
  openId?: string | undefined;
  actions?: (row: Row) => MenuItem[];
  sort?: Sort | undefined;
  onSort?: (sort: Sort) => void;
  /** How many there are at the server, if it says. */
  total?: number | undefined;
  /**
   * With it the table has a place for every row that there is, total, and rows are
   * those from this place on; the others are empty places. onRange hears which
   * places are in view, to get their rows.
   */
  offset?: number;
  onRange?: (first: number, last: number) => void;
  /** Loads the next page by its cursor; called when the reader comes near the end. Undefined: there is none. */
  onMore?: (() => void) | undefined;
  loadingMore?: boolean;
  /** The rows that are chosen, and how that changes: with it rows can be selected. */
  selected?: ReadonlySet<string>;
  onSelect?: (ids: Set<string>) => void;
  /** Acts on what is selected, in a bar above. */
  bulk?: ReactNode;
  /** A row that was just made is lit for a moment. */
  freshId?: string | undefined;
}

const rowHeight = 36;

/** Browsers draw no higher than some 33 million pixels. */
const placesMax = 800_000;

/** A share of the width has a least one, for a column of one letter tells nothing: the table scrolls sideways instead. */
function track(width = "minmax(100px, 1fr)"): string {
  return width.endsWith("fr") ? `minmax(120px, ${width})` : width;
}

/** How many rows before the end the next page is asked for. */
const ahead = 20;

/**
 * A table whose rows are sorted, filtered and paged by the server; only what is
 * in view is in the page. Arrows, J and K move, Enter opens, X selects.
 */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { rows, rowId, onMore, loadingMore, selected, onSelect, onOpen, actions, onRange } = props;
  const placed = props.offset !== undefined;
  const offset = props.offset ?? 0;
  const count = placed ? Math.min(Math.max(props.total ?? 0, offset + rows.length), placesMax) : rows.length;
  const { shown, menu } = useColumns(props.name, props.columns);
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => onRange?.(first, last), [first, last, onRange]);
  useEffect(() => {
    if (onMore && !loadingMore && last >= rows.length - ahead) onMore();
  }, [last, rows.length, onMore, loadingMore]);

  const template = [selected && "36px", ...shown.map((c) => track(c.width)), actions && "40px"].filter(Boolean).join(" ");
  const toggle = useCallback(
    (id: string) => {
      const next = new Set(selected);
      if (!next.delete(id)) next.add(id);
      onSelect?.(next);
    },
    [selected, onSelect],
  );

  const move = (to: number) => {
    const index = Math.max(0, Math.min(count - 1, to));
    setActive(index);
    virtual.scrollToIndex(index);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${index}"]`)?.focus());
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const { index } = (e.target as HTMLElement).dataset;
    if (e.ctrlKey || e.metaKey || e.altKey || index === undefined) return;
    const at = Number(index); // rows that come above move the focus with its row
    const row = rows[at - offset];
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight) - 2);
    const steps: Record<string, number> = {
      ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1,
      PageDown: at + page, PageUp: at - page, Home: 0, End: count - 1,
    };
    const to = steps[e.key];
    if (to !== undefined) move(to);
    else if (e.key === "Enter" && row && onOpen) onOpen(row);
    else if (e.key === "x" && row && selected) toggle(rowId(row));
    else return;
    e.preventDefault();
  };

  return (
    <div className="flex h-full min-h-0 flex-1 flex-col">
      <div className="flex min-h-9 items-center gap-2 border-b border-line bg-surface px-4">
        {selected && selected.size > 0 ? (
          <>
            <span role="status" className="text-sm">{t("common.selected", { n: selected.size })}</span>
            {props.bulk}
          </>
        ) : null}
        <div className="ms-auto">
          <CheckMenu trigger={<IconButton label={t("common.columns")} icon={<Columns3 />} />} items={menu} />
        </div>
      </div>
      <div ref={scroller} className="min-h-0 flex-1 overflow-auto text-sm" tabIndex={-1}>
        <div role="grid" aria-label={props.label} aria-rowcount={(props.total ?? (onMore ? -2 : rows.length)) + 1} aria-colcount={shown.length} onKeyDown={onKeyDown} className="min-w-fit">
          <HeaderRow columns={shown} template={template} sort={props.sort} onSort={props.onSort} selecting={!!selected} acting={!!actions} />
          <div style={{ height: virtual.getTotalSize() }} className="relative">
            {items.map((item) => {
              const row = rows[item.index - offset];
              if (row === undefined && !placed) return null;
              const id = row === undefined ? "" : rowId(row);
              return (
                <BodyRow
                  key={placed ? item.index : id}
                  row={row}
                  id={id}
                  index={item.index}
                  top={item.start}
                  columns={shown as Column<unknown>[]}
                  template={template}
                  tabbable={item.index === Math.min(active, count - 1)}
                  open={id !== "" && props.openId === id}
                  fresh={props.freshId === id}
                  chosen={selected?.has(id)}
                  onToggle={selected ? toggle : undefined}
                  onOpen={onOpen as ((row: unknown) => void) | undefined}
                  onActive={setActive}
                  actions={actions as ((row: unknown) => MenuItem[]) | undefined}
                />
              );
            })}
          </div>
        </div>
        {loadingMore && <p role="status" className="p-3 text-center text-muted">{t("common.loading")}</p>}
      </div>
    </div>
  );
}

function HeaderRow<Row>({ columns, template, sort, onSort, selecting, acting }: {
  columns: Column<Row>[]; template: string; sort: Sort | undefined; onSort: ((sort: Sort) => void) | undefined; selecting: boolean; acting: boolean;
}) {
  return (
    <div role="row" aria-rowindex={1} className="sticky top-0 z-10 grid min-h-9 items-center border-b border-line bg-sunken px-4 font-medium text-muted" style={{ gridTemplateColumns: template }}>
      {selecting && <span role="columnheader"><span className="sr-only">{t("common.selectRow")}</span></span>}
      {columns.map((column) => {
        const sorted = sort?.by === column.id ? (sort.desc ? "descending" : "ascending") : undefined;
        return (
          <span key={column.id} role="columnheader" aria-sort={sorted} className={cn("truncate px-2 first:ps-0", column.align === "end" && "text-end")}>
            {column.sortable && onSort ? (
              <Button look="quiet" size="small" className="-mx-2" aria-label={t("common.sortBy", { column: column.header })} onClick={() => onSort({ by: column.id, desc: sorted === "ascending" })}>
                {column.header}
                {sorted && (sorted === "ascending" ? <ArrowUp aria-hidden className="size-3" /> : <ArrowDown aria-hidden className="size-3" />)}
              </Button>
            ) : (
              column.header
            )}
          </span>
        );
      })}
      {acting && <span role="columnheader"><span className="sr-only">{t("common.actions")}</span></span>}
    </div>
  );
}

interface BodyRowProps {
  row: unknown;
  id: string;
  index: number;
  top: number;
  columns: Column<unknown>[];
  template: string;
  tabbable: boolean;
  open: boolean;
  fresh: boolean;
  chosen: boolean | undefined;
  onToggle: ((id: string) => void) | undefined;
  onOpen: ((row: unknown) => void) | undefined;
  onActive: (index: number) => void;
  actions: ((row: unknown) => MenuItem[]) | undefined;
}

const BodyRow = memo(function BodyRow({ row, id, index, top, columns, template, tabbable, open, fresh, chosen, onToggle, onOpen, onActive, actions }: BodyRowProps) {
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={chosen ?? (open || undefined)}
      data-index={index}
      tabIndex={tabbable ? 0 : -1}
      onFocus={() => onActive(index)}
      onClick={(e) => {
        if (row !== undefined && !(e.target as HTMLElement).closest("a, button, input, label, [role=menuitem]")) onOpen?.(row);
      }}
      className={cn(
        "absolute inset-x-0 grid items-center border-b border-line bg-surface px-4 -outline-offset-2 hover:bg-sunken",
        onOpen && "cursor-pointer",
        (open || chosen || fresh) && "bg-accent-soft",
      )}
      style={{ top, height: rowHeight, gridTemplateColumns: template }}
    >
      {onToggle && row !== undefined && (
        <span role="gridcell">
          <input type="checkbox" tabIndex={tabbable ? 0 : -1} className="size-4 accent-(--accent)" aria-label={t("common.selectRow")} checked={!!chosen} onChange={() => onToggle(id)} />
        </span>
      )}
      {row === undefined && (
        <span role="gridcell" aria-colspan={columns.length} className="col-span-full">
          <span aria-hidden className="block h-3 w-2/3 animate-pulse rounded-sm bg-sunken" />
          <span className="sr-only">{t("common.loading")}</span>
        </span>
      )}
      {row !== undefined && columns.map((column) => (
        <span key={column.id} role="gridcell" className={cn("truncate px-2 first:ps-0", column.align === "end" && "text-end tabular")}>
          {column.cell(row)}
        </span>
      ))}
      {actions && row !== undefined && (
        <span role="gridcell">
          <Menu trigger={<IconButton label={t("common.rowActions")} icon={<Ellipsis />} tabIndex={tabbable ? 0 : -1} />} items={actions(row)} />
        </span>
      )}
    </div>
  );
});

/** "1,234" for the header of a page. */
export function countText(n: number): string {
  return n.toLocaleString(locale);
}
