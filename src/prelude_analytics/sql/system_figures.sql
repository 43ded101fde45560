-- How fresh the figures are, and what is to be built anew.
SELECT as_of, (SELECT count(*) FROM public.rollup_rebuild) AS to_rebuild FROM public.rollup_state
