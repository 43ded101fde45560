-- The days before the range that have rows, and in which version they stand.
SELECT day, dirty, built_at FROM public.timeline_days WHERE day < %(first)s AND row_count > 0 ORDER BY day
