import { type QueryKey, useMutation, useQueryClient } from "@tanstack/react-query";

/** A change after which, whether it was made or refused, what has one of these names is read anew. */
export function useChange<Input, Output>(change: (input: Input) => Promise<Output>, ...stale: QueryKey[]) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => Promise.all(stale.map((queryKey) => queries.invalidateQueries({ queryKey }))),
  });
}
