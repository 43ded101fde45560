-- Some days by all their columns.
SELECT day, user_count, row_count, users, counts, actions, times, statuses, services
FROM public.timeline_days WHERE day = ANY (%(days)s) ORDER BY day
