-- Which days of the range the timeline holds, and how fresh they are.
SELECT day, dirty, built_at, built_ms, row_count FROM public.timeline_days
WHERE day >= %(first)s AND day <= %(last)s AND built_at IS NOT NULL ORDER BY day
